//! The command line: a file a command, with its arguments, what it prints and how it ends.
//!
//! Whatever a command does, a component below does; here it is called and shown. Exit codes are the
//! contract's section 19, all of them in [`ending::Exit`].

mod admin;
mod assess;
mod backup;
mod config;
mod ending;
mod keys;
mod load;
mod log;
mod maintenance;
mod operate;
mod orgs;
mod replay;
mod rules;
mod serve;
mod shell;
mod simulate;
mod status;
mod store;
mod target;
#[cfg(test)]
mod tests;
#[cfg(feature = "kafka")]
mod topics;
mod version;

use crate::node::{Fault, Flag, Resolved, Written, resolve};
use clap::error::ContextKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use ending::{Ending, Exit};
use shell::Shell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Decides whether a payment should be approved, reviewed, challenged or declined.
#[derive(Debug, Parser)]
#[command(
    name = "clausum",
    version = crate::node::version(),
    disable_help_subcommand = true,
    after_help = "Ends with 0 done, 1 failed, 2 wrong usage, 3 bad input or configuration, 4 checks or tests did \
                  not pass, 130 interrupted."
)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Where configuration and data are; every command takes them.
#[derive(Debug, Clone, Default, Args)]
struct Place {
    /// Configuration file, TOML; `clausum config show` lists the keys
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder; clausum-data unless configured
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Place {
    /// The configuration of file, environment and these flags.
    fn resolve(&self, more: impl IntoIterator<Item = Flag>) -> Result<Resolved, Vec<Fault>> {
        let mut written = Written::new();
        if let Some(path) = &self.config {
            written.file(path);
        }
        // A variable that is not text is none of ours.
        let variables = std::env::vars_os();
        written.variables(
            variables.filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok())),
        );
        let data = self.data.as_deref().and_then(Path::to_str);
        let data = data.map(|path| Flag { name: "--data", key: "data", value: path.to_owned() });
        written.flags(data.into_iter().chain(more));
        resolve(written)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Arguments),
    /// Decide one request from standard input, or those of a file, by a server or on the spot
    Assess(assess::Arguments),
    /// Make and show organizations of a running server
    #[command(subcommand)]
    Orgs(orgs::Command),
    /// Make, show and revoke API keys of a running server
    #[command(subcommand)]
    Keys(keys::Command),
    /// Switch maintenance of a running server on or off
    #[command(subcommand)]
    Maintenance(maintenance::Command),
    /// Apply documents to a running server
    #[command(subcommand)]
    Admin(admin::Command),
    /// Copy the installation of a running or stopped server, its key included
    Backup(backup::Backup),
    /// Bring a backup into a new data folder
    Restore(backup::Restore),
    /// Show how a running server and its partitions are doing
    Status(status::Arguments),
    /// Act on a partition of a running server
    #[command(subcommand)]
    Partitions(status::Partitions),
    /// Check and test rule packs
    #[command(subcommand)]
    Rules(rules::Command),
    /// Look into the log of a data folder, also of a running server
    #[command(subcommand)]
    Log(log::Command),
    /// Make, show and check the topics of an installation on Kafka
    #[cfg(feature = "kafka")]
    #[command(subcommand)]
    Topics(topics::Command),
    /// Look into the state of a data folder, also of a running server
    #[command(subcommand)]
    Store(store::Command),
    /// Test the engine itself under every fault, from a seed
    Simulate(simulate::Arguments),
    /// Send made-up payments to a server at a steady rate and measure its answers
    Load(load::Arguments),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Say which version this is
    Version(version::Arguments),
}

/// Runs the command line `arguments`, the program's name first, and tells its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let mut shell = Shell::standard();
    let cli = match parse(&arguments) {
        Ok((cli, json)) => {
            shell.speak_json(json);
            cli
        }
        // Help and version are no errors, and a closed pipe is no reason to complain.
        Err(error) if !error.use_stderr() || !is_for_program(&error, &arguments) => {
            drop(error.print());
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.code();
        }
        Err(error) => {
            shell.speak_json(true);
            return Ending::usage(&error.render().to_string().trim()).tell(&mut shell).code();
        }
    };
    let ended =
        dispatch(&cli, &mut shell).and_then(|exit| shell.flush().map(|()| exit).map_err(Ending::from));
    match ended {
        Ok(exit) => exit,
        Err(ending) => ending.tell(&mut shell),
    }
    .code()
}

/// A command line, and whether it asks for JSON.
fn parse(arguments: &[OsString]) -> Result<(Cli, bool), clap::Error> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let mut of = Some(&matches);
    let mut json = false;
    while let Some(matches) = of {
        json |= matches!(matches.try_get_one::<bool>(JSON), Ok(Some(true)));
        of = matches.subcommand().map(|(_, matches)| matches);
    }
    Ok((Cli::from_arg_matches(&matches)?, json))
}

/// The name of the flag of every command that prints.
const JSON: &str = "json";

/// Whether what is wrong with a command line is told in JSON: it asks for that, of a command that knows how.
fn is_for_program(error: &clap::Error, arguments: &[OsString]) -> bool {
    let flag = format!("--{JSON}");
    let unknown = error.get(ContextKind::InvalidArg).is_some_and(|of| of.to_string() == flag);
    arguments.iter().any(|argument| **argument == *flag) && !unknown
}

fn dispatch(cli: &Cli, shell: &mut Shell) -> Result<Exit, Ending> {
    match &cli.command {
        Command::Serve(arguments) => serve::run(arguments, &cli.place, shell),
        Command::Assess(arguments) => assess::run(arguments, &cli.place, shell),
        Command::Orgs(command) => orgs::run(command, &cli.place, shell),
        Command::Keys(command) => keys::run(command, &cli.place, shell),
        Command::Maintenance(command) => maintenance::run(command, &cli.place, shell),
        Command::Admin(command) => admin::run(command, &cli.place, shell),
        Command::Backup(arguments) => backup::take(arguments, &cli.place, shell),
        Command::Restore(arguments) => backup::restore(arguments, &cli.place, shell),
        Command::Status(arguments) => status::run(arguments, &cli.place, shell),
        Command::Partitions(command) => status::partitions(command, &cli.place, shell),
        Command::Rules(command) => rules::run(command, shell),
        Command::Log(command) => log::run(command, &cli.place, shell),
        #[cfg(feature = "kafka")]
        Command::Topics(command) => topics::run(command, &cli.place, shell),
        Command::Store(command) => store::run(command, &cli.place, shell),
        Command::Simulate(arguments) => simulate::run(arguments, shell),
        Command::Load(arguments) => load::run(arguments, &cli.place, shell),
        Command::Config(command) => config::run(command, &cli.place, shell),
        Command::Version(arguments) => version::run(arguments, shell),
    }
}
