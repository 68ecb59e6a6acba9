mod chunks;
mod compares;
mod deltas;
mod mutations;
mod preflights;
mod reads;
mod support;
