mod backports;
mod chunks;
mod compares;
mod deltas;
mod mutations;
mod reads;
mod support;
