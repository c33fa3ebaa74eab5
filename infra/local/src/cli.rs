//! What can be typed.

use crate::{Failure, admin, counter, demo, doctor, hub, ledger, node, safaricom, serve};
use clap::{Args, CommandFactory, Parser, Subcommand};
use domain::Role;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Leja: the shop ledger that keeps selling when the network does not.
#[derive(Parser)]
#[command(name = "leja", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Try everything on this machine: hub, simulated Safaricom, two shops, three tills, head office.
    Demo(Demo),
    /// Run all functions in one process on an embedded store.
    Hub(hub::Settings),
    /// Run one till: ledger, local API and page; or, with a command, do something at one that runs.
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Till {
        #[command(flatten)]
        node: Option<Node>,
        #[command(flatten)]
        meeting: Meeting,
        #[command(flatten)]
        at: counter::At,
        #[command(subcommand)]
        command: Option<counter::Command>,
    },
    /// Run head office: a replica of all shops, with its page.
    Office(Node),
    /// Run a simulated Safaricom.
    Safaricom(safaricom::Settings),
    /// Open shops, enrol tills, read the inbox of a hub, ask Safaricom through it.
    Admin(admin::Settings),
    /// Check what the real Safaricom and a hub need: keys, addresses, clock, store, disk, backups.
    ///
    /// Give it the settings the hub is started with. It changes nothing, works while the hub runs and while
    /// it does not, and ends with 1 if a check failed.
    Doctor(doctor::Settings),
    /// Look after a till's file: back it up, check it, restore it, put it aside.
    Ledger(ledger::Settings),
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
struct Demo {
    /// Where everything is kept.
    #[arg(long, env = "LEJA_DATA", default_value = "leja-data")]
    data: PathBuf,
    /// The first port; 0 takes any that are free.
    #[arg(long, env = "LEJA_PORT", default_value_t = 8300)]
    port: u16,
    /// Simulated customers that keep paying: on or off.
    #[arg(long, env = "LEJA_CUSTOMERS", default_value = "on", value_parser = ["on", "off"])]
    customers: String,
}

#[derive(Args)]
struct Node {
    /// The folder of this till or head office: its ledger and its key.
    #[arg(long, env = "LEJA_DATA")]
    data: PathBuf,
    /// Where to listen; loopback unless told otherwise.
    #[arg(long, env = "LEJA_LISTEN", default_value = "127.0.0.1:8301")]
    listen: SocketAddr,
    /// The hub or cloud, like `https://leja.example.com`.
    #[arg(long, env = "LEJA_HUB", default_value = "http://127.0.0.1:8300")]
    hub: String,
    /// A one-time code from `leja admin`; needed once, for a folder that is not enrolled yet.
    #[arg(long, env = "LEJA_ENROL")]
    enrol: Option<String>,
    /// What people call it, such as "Front counter"; else "Till" or "Head office".
    #[arg(long, env = "LEJA_NAME")]
    name: Option<String>,
    /// How many days of history a new till fetches, all of it unless told otherwise; head office has all of it.
    #[arg(long, env = "LEJA_HISTORY_DAYS")]
    history_days: Option<u32>,
}

/// How a till meets the other tills of its shop, with or without the internet.
#[derive(Args, Default)]
struct Meeting {
    /// Where other tills of the shop reach this one, such as 0.0.0.0:8311. It is announced on that network
    /// (mDNS, as `_leja._tcp`, under a tag that tells strangers nothing); what tills say there is sealed.
    #[arg(long, env = "LEJA_LAN")]
    lan: Option<SocketAddr>,
    /// Another till of the shop, as HOST:PORT, where announcements are not heard. May be given again.
    #[arg(long = "sibling", env = "LEJA_SIBLINGS", value_delimiter = ',')]
    siblings: Vec<String>,
}

/// Does what was typed; without a command, the demo.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(cli: Cli) -> Result<(), Failure> {
    let command = match cli.command {
        Some(command) => command,
        // The demo's own defaults, its environment variables included.
        None => match Cli::try_parse_from(["leja", "demo"])?.command {
            Some(command) => command,
            None => return Ok(()),
        },
    };
    match command {
        Command::Demo(d) => demo::run(&d.data, d.port, d.customers == "on", serve::stop_signal()?).await,
        Command::Hub(settings) => hub::run(settings, serve::stop_signal()?).await,
        Command::Till { command: Some(command), at, .. } => counter::run(at, command).await,
        Command::Till { node, meeting, .. } => {
            let node = node.ok_or("name the till's folder with --data")?;
            run_node(node, Role::Till, meeting).await
        }
        Command::Office(node) => run_node(node, Role::Office, Meeting::default()).await,
        Command::Safaricom(settings) => safaricom::run(settings, serve::stop_signal()?).await,
        Command::Admin(settings) => admin::run(settings).await,
        Command::Doctor(settings) => doctor::run(settings).await,
        Command::Ledger(settings) => ledger::run(settings).await,
        Command::Completions { shell } => {
            let mut completions = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "leja", &mut completions);
            println!("{}", String::from_utf8_lossy(&completions).trim_end());
            Ok(())
        }
    }
}

/// What a member is called that nobody named.
fn named(role: Role) -> &'static str {
    if role == Role::Office { "Head office" } else { "Till" }
}

async fn run_node(node: Node, role: Role, meeting: Meeting) -> Result<(), Failure> {
    let place = node::Place {
        data: node.data,
        hub: node.hub,
        enrol: node.enrol,
        name: node.name.unwrap_or_else(|| named(role).to_owned()),
        history_days: node.history_days,
    };
    node::run(place, role, (node.listen, meeting.lan), meeting.siblings, serve::stop_signal()?).await
}
