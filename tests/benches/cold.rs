//! How a function starts: from the start of its process to its first answer, how much memory it holds then, and how
//! large its program is; in the middle of twenty starts. For what Safaricom calls, the first answer says that a
//! confirmation to a shop's own address is stored; then what each confirmation costs a function that is warm.
//!
//! Linux only: it reads `/proc`. It measures the programs as they are shipped, which are built before by
//! `cargo build --profile lambda -p lambda --bins --target x86_64-unknown-linux-gnu --locked`; `LEJA_FUNCTIONS` names
//! another folder with them. The table is on this machine, so no network and no TLS are in it.

use domain::{Account, Shop, ShopId, ShortCode, Timestamp};
use serde_json::{Value, json};
use service::store::Tokens;
use service::{CallbackSecret, Store};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};
use tests::dynamo::Dynamo;
use tests::figures::{figure, median};
use tests::gateway::{Gateway, event};
use tests::process::{Running, repository};
use tests::sqs::Sqs;
use tests::world::confirmation;

const STARTS: u32 = 20;
const WARM: u32 = 2_000;
/// From which the shop's token is made.
const SECRET: [u8; 32] = [7; 32];
/// The number that customers pay to.
const NUMBER: &str = "600638";
/// Debian's file of trusted certificates; the template names Amazon Linux's.
const TRUSTED: &str = "/etc/ssl/certs/ca-certificates.crt";
/// What Linux counts processor time in: hundredths of a second.
const TICK_MILLIS: f64 = 10.0;

/// What one start took.
struct Start {
    millis: f64,
    memory_mb: f64,
    running: Running,
}

async fn start(gateway: &Gateway, function: (&str, &Path), settings: &[(&str, &str)], event: Value) -> Start {
    let (name, program) = function;
    let mut command = gateway.command_of(name, program);
    command.envs(settings.iter().copied());
    // Or the one before takes the event with it.
    gateway.nobody_asks(name).await;
    let begun = Instant::now();
    let asked = gateway.invoke(name, event);
    let running = Running::start(&mut command);
    let answer = asked.await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let millis = begun.elapsed().as_secs_f64() * 1_000.0;
    assert!(answer["statusCode"].as_u64().is_none_or(|code| code < 500), "{name}: {answer}");
    Start { millis, memory_mb: running.memory_mb("VmRSS"), running }
}

/// The processor time of a process so far.
fn cpu_millis(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() * TICK_MILLIS
}

/// The size of a program as the archive holds it.
fn packed_mb(program: &Path) -> f64 {
    let packed =
        Command::new("gzip").args(["-9", "-c"]).arg(program).stdout(Stdio::piped()).output().unwrap();
    packed.stdout.len() as f64 / 1e6
}

fn posted(path: &str, body: &str) -> Value {
    event("POST", (path, ""), &json!({ "content-type": "application/json" }), body.as_bytes())
}

fn id() -> ShopId {
    ShopId::parse("duka").unwrap()
}

fn paid(number: u32) -> Value {
    let receipt = format!("UKL{number:05}XY");
    let at = Timestamp::from_system(SystemTime::now());
    let path = format!("/in/{}/c/confirmation", CallbackSecret::new(SECRET).token(&id(), 0).as_str());
    posted(&path, &confirmation(&receipt, NUMBER, "100.00", "", at))
}

/// Opens the shop; its confirmations are believed where they come with its token.
async fn open_shop(store: &impl Store) {
    let account = Account::Paybill(ShortCode::parse(NUMBER).unwrap());
    let shop = Shop::new(id(), "Duka", account, None).unwrap();
    let token = CallbackSecret::new(SECRET).token(&id(), 0);
    store.put_shop(&shop, &Tokens { newest: 0, hashes: vec![token.hash()] }).await.unwrap();
}

fn main() {
    let folder = std::env::var_os("LEJA_FUNCTIONS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| repository().join("target/x86_64-unknown-linux-gnu/lambda"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (gateway, dynamo, sqs) = (Gateway::start().await, Dynamo::start().await, Sqs::start().await);
        open_shop(&dynamo.store()).await;
        let secret = SECRET.map(|byte| format!("{byte:02x}")).concat();
        let settings = [
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamo.endpoint.as_str()),
            ("AWS_ENDPOINT_URL_SQS", sqs.endpoint.as_str()),
            ("LEJA_TABLE", dynamo.table.as_str()),
            ("SSL_CERT_FILE", TRUSTED),
            ("LEJA_FALLBACK_QUEUE", sqs.url.as_str()),
            ("LEJA_CALLBACK_SECRET", secret.as_str()),
            ("LEJA_CALLBACK_BASE", "https://pay.example.com"),
            ("MPESA_ENVIRONMENT", "sandbox"),
            // Nobody at Safaricom is asked: that would measure the way there.
            ("MPESA_PULL_METHOD", "off"),
            ("MPESA_CONSUMER_KEY", "key"),
            ("MPESA_CONSUMER_SECRET", "secret"),
        ];
        let ask = |path: &'static str| posted(path, "{}");
        let first: [(&str, &dyn Fn(u32) -> Value); 5] = [
            ("callbacks", &paid),
            ("sync", &|_| ask("/v1/enrol")),
            ("payments", &|_| ask("/v1/shops/duka/push")),
            ("office", &|_| ask("/v1/admin/shops")),
            ("sweep", &|_| json!({})),
        ];
        for (name, event) in first {
            let program = folder.join(name);
            assert!(program.exists(), "{} is not built: see the top of this bench", program.display());
            let (mut millis, mut memory) = (Vec::new(), Vec::new());
            for number in 0..STARTS {
                let it = start(&gateway, (name, &program), &settings, event(number)).await;
                millis.push(it.millis);
                memory.push(it.memory_mb);
                it.running.kill();
            }
            let target = if name == "callbacks" { ["12", "12", "4"] } else { ["none"; 3] };
            figure(&format!("cold_{name}_ms"), median(&mut millis), "ms to the first answer", target[0]);
            figure(&format!("cold_{name}_mb"), median(&mut memory), "MB resident then", target[1]);
            let size = std::fs::metadata(&program).unwrap().len() as f64 / 1e6;
            figure(&format!("cold_{name}_program_mb"), size, "MB", "none");
            figure(&format!("cold_{name}_packed_mb"), packed_mb(&program), "MB packed", target[2]);
        }
        let program = folder.join("callbacks");
        let warm = start(&gateway, ("callbacks", &program), &settings, paid(STARTS)).await.running;
        let before = cpu_millis(warm.id());
        for number in 0..WARM {
            gateway.invoke("callbacks", paid(STARTS + 1 + number)).await.unwrap();
        }
        let each = (cpu_millis(warm.id()) - before) / f64::from(WARM);
        figure("warm_callbacks_cpu_ms", each, "ms of a processor a confirmation", "1");
    });
}
