mod chunks;
mod compares;
mod deltas;
mod moves;
mod mutations;
mod preflights;
mod reads;
mod support;
