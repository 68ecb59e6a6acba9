//! The runner really dies, at each boundary of the journal and at requests on their way, and is resumed; the world must end as
//! if nothing had happened.
