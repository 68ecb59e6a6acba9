/// The name of this machine, which is recorded with every file that lies only here.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
