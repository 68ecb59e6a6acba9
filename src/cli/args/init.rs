use std::path::PathBuf;

use clap::Args;

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The address of a replica of the 2.6, without /apis; repeatable.
    #[arg(long, value_name = "URL")]
    pub v2: Vec<String>,
    /// The address of a replica of the 3.x, as it will be; repeatable.
    #[arg(long, value_name = "URL")]
    pub v3: Vec<String>,
    /// The management address (health) of a replica of the 3.x; repeatable [default: port 9000 of each].
    #[arg(long, value_name = "URL")]
    pub v3_management: Vec<String>,
    /// Log in at this OpenID Connect issuer, as the client of --username; `basic`: by HTTP Basic [default: the issuer in
    /// --env-file, unless the 2.6 takes HTTP Basic; else basic].
    #[arg(long, value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// The login of both registries: a name, or a client's id.
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// The environment variable that holds its password, or the client's secret [default: REGPLAN_PASSWORD].
    #[arg(long, value_name = "NAME")]
    pub password_env: Option<String>,
    /// A PEM file with authorities that are trusted besides this machine's own.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<String>,
    /// The environment file of the 2.6 (KEY=VALUE lines); secrets in it are not copied.
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// The command that starts the 3.x.
    #[arg(long, value_name = "CMD")]
    pub start_v3: Option<String>,
    /// A command that ends with 0 when the 3.x runs [default: by systemctl or curl].
    #[arg(long, value_name = "CMD")]
    pub v3_running: Option<String>,
    /// The command that stops the 2.6, at the very end.
    #[arg(long, value_name = "CMD")]
    pub stop_v2: Option<String>,
    /// A command that ends with 0 when the 2.6 is stopped [default: by systemctl or curl].
    #[arg(long, value_name = "CMD")]
    pub v2_stopped: Option<String>,
    /// nginx.
    #[command(flatten)]
    pub lb: InitLb,
    /// The plan's name.
    #[arg(long, value_name = "NAME", default_value = "registry")]
    pub name: String,
    /// The file that is written; `-`: stdout.
    #[arg(long, value_name = "FILE", default_value = "plan.yaml")]
    pub out: PathBuf,
    /// Replace the file when it is there already.
    #[arg(long)]
    pub force: bool,
    /// Ask nothing: take what was found and what is usual.
    #[arg(long)]
    pub yes: bool,
}

/// nginx, for `init`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load balancer")]
pub struct InitLb {
    /// The address that clients use.
    #[arg(long, value_name = "URL")]
    pub lb_url: Option<String>,
    /// nginx's main file, or a file with the output of `nginx -T` [default: /etc/nginx/nginx.conf].
    #[arg(long, value_name = "FILE")]
    pub lb_config: Option<String>,
    /// nginx's prefix (`-p`), where it is not the usual one.
    #[arg(long, value_name = "DIR")]
    pub lb_prefix: Option<String>,
    /// The directory for regplan's two files [default: regplan, beside the main file].
    #[arg(long, value_name = "DIR")]
    pub lb_directory: Option<String>,
    /// The unix socket on which nginx answers regplan [default: /run/regplan/nginx.sock].
    #[arg(long, value_name = "PATH")]
    pub lb_socket: Option<String>,
    /// A server of the 2.6 as nginx reaches it; repeatable [default: from nginx's files, else from --v2].
    #[arg(long, value_name = "HOST:PORT")]
    pub v2_backend: Vec<String>,
    /// A server of the 3.x as nginx reaches it; repeatable [default: from --v3].
    #[arg(long, value_name = "HOST:PORT")]
    pub v3_backend: Vec<String>,
}
