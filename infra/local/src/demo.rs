//! `leja demo`: everything on this machine, durable, ready to be clicked.

use crate::admin::{Administrator, folder_of};
use crate::daraja::Daraja;
use crate::node::{self, Place, Running};
use crate::safaricom::{Customers, Number, Simulator};
use crate::serve::{Stop, bind, serve_quietly};
use crate::{Failure, hub, safaricom};
use app::Meeting;
use domain::{Item, Kind, Money, Person, Product, ProductId, Role, ShopId, Timestamp};
use replica::wire::json::ShopForm;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use till::Till;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The simulated app's keys; they open nothing else.
const CONSUMER_KEY: &str = "demo-key";
const CONSUMER_SECRET: &str = "demo-secret";
const PASSKEY: &str = "demo-passkey";
/// The simulated organisation's API user and its sealed password.
const INITIATOR: &str = "testapi";
const CREDENTIAL: &str = "ZGVtbyBjcmVkZW50aWFs";

const PRODUCTS: [(&str, &str, &str); 8] = [
    ("bread", "Bread 400g", "65.00"),
    ("milk", "Milk 500ml", "60.00"),
    ("unga", "Maize flour 2kg", "210.00"),
    ("sugar", "Sugar 1kg", "190.00"),
    ("eggs", "Eggs, tray of 30", "450.00"),
    ("soap", "Bar soap", "35.00"),
    ("oil", "Cooking oil 1l", "330.00"),
    ("tea", "Tea leaves 250g", "140.00"),
];

/// One till of the demo: its folder, its shop, its name, and how far its port is from the first.
struct DemoTill {
    folder: &'static str,
    shop: &'static str,
    name: &'static str,
    port: u16,
}

const TILLS: [DemoTill; 3] = [
    DemoTill { folder: "till-a", shop: "mjini", name: "Front counter", port: 1 },
    DemoTill { folder: "till-b", shop: "mjini", name: "Back counter", port: 2 },
    DemoTill { folder: "till-c", shop: "kijiji", name: "Counter", port: 3 },
];

/// The port of head office and of the simulated Safaricom, counted from the first.
const OFFICE_PORT: u16 = 9;
const SAFARICOM_PORT: u16 = 10;

fn shops() -> [ShopForm; 2] {
    let shop = |id: &str, name: &str, account: &str, shortcode: &str, store: Option<&str>| ShopForm {
        id: id.to_owned(),
        name: name.to_owned(),
        account: account.to_owned(),
        shortcode: shortcode.to_owned(),
        store_number: store.map(ToOwned::to_owned),
        ..ShopForm::default()
    };
    [
        shop("mjini", "Duka la Mjini", "till", "123456", Some("7000123")),
        shop("kijiji", "Duka la Kijiji", "paybill", "600638", None),
    ]
}

/// Starts everything and serves it until told to stop.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(data: &Path, port: u16, customers: bool, stop: Stop) -> Result<(), Failure> {
    std::fs::create_dir_all(data).map_err(|e| format!("{} can not be made: {e}", data.display()))?;
    let at = |above: u16| {
        SocketAddr::from((Ipv4Addr::LOCALHOST, if port == 0 { 0 } else { port.saturating_add(above) }))
    };
    let hub_listener = bind(at(0)).await?;
    let safaricom_listener = bind(at(SAFARICOM_PORT)).await?;
    let hub_url = format!("http://{}", hub_listener.local_addr()?);
    let safaricom_url = format!("http://{}", safaricom_listener.local_addr()?);

    let simulator = Simulator::new(CONSUMER_KEY, CONSUMER_SECRET, seed())?;
    let safaricom = serve_quietly(safaricom_listener, safaricom::router(&simulator), stop.clone());
    let safaricom = tokio::spawn(safaricom);
    let hub_data = data.join("hub");
    let hub_stop = stop.clone();
    let settings = hub_settings(hub_data.clone(), &hub_url, &safaricom_url);
    let hub = tokio::spawn(async move { hub::start(&settings, hub_listener, hub_stop).await });

    let office_listener = bind(at(OFFICE_PORT)).await?;
    let mut listeners = Vec::new();
    for till in &TILLS {
        listeners.push(bind(at(till.port)).await?);
    }
    wait_for_administrator(&hub_data, &stop).await?;
    let (data_path, url, known) = (data.to_owned(), hub_url.clone(), Arc::clone(&simulator));
    let open = move || open_all(&data_path, &url, &known);
    let (office, tills) = tokio::task::spawn_blocking(open).await??;
    simulator.customers(Customers { on: customers });
    let generator = tokio::spawn(safaricom::keep_paying(Arc::clone(&simulator), stop.clone()));

    print_addresses(&hub_url, &safaricom_url, &office_listener, &listeners)?;
    let mut served = vec![tokio::spawn(office.serve(office_listener, stop.clone()))];
    for (till, listener) in tills.into_iter().zip(listeners) {
        served.push(tokio::spawn(till.serve(listener, stop.clone())));
    }
    for server in served.into_iter().chain([hub, safaricom]) {
        server.await??;
    }
    generator.await?;
    Ok(())
}

fn hub_settings(data: PathBuf, hub_url: &str, safaricom_url: &str) -> hub::Settings {
    hub::Settings {
        data,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        callback_base: Some(hub_url.to_owned()),
        seed_paths: true,
        source_check: None,
        source_addresses: Vec::new(),
        behind_proxy: false,
        daraja: Daraja {
            mpesa_environment: "sandbox".to_owned(),
            safaricom: Some(safaricom_url.to_owned()),
            mpesa_consumer_key: CONSUMER_KEY.to_owned(),
            mpesa_consumer_secret: CONSUMER_SECRET.to_owned(),
            mpesa_passkeys: Some(passkeys()),
            mpesa_c2b_version: "v2".to_owned(),
            mpesa_response_type: "Completed".to_owned(),
            mpesa_pull_method: "post".to_owned(),
            mpesa_initiator: Some(INITIATOR.to_owned()),
            mpesa_security_credential: Some(CREDENTIAL.to_owned()),
            ..Daraja::default()
        },
    }
}

/// Each number that went live with its passkey, as a person would set them.
fn passkeys() -> String {
    let business = |shop: ShopForm| shop.store_number.unwrap_or(shop.shortcode);
    let pairs = shops().into_iter().map(|shop| format!("{}={PASSKEY}", business(shop)));
    pairs.collect::<Vec<_>>().join(",")
}

/// The hub enrols its administrator when it starts for the first time.
async fn wait_for_administrator(hub_data: &Path, stop: &watch::Receiver<bool>) -> Result<(), Failure> {
    let folder = till::Folder::at(&folder_of(hub_data))?;
    while !folder.is_enrolled() {
        if *stop.borrow() {
            return Err("stopped before the hub was ready".into());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Opens the shops and every till, enrolling what is new.
fn open_all(
    data: &Path,
    hub_url: &str,
    simulator: &Arc<Simulator>,
) -> Result<(Running, Vec<Running>), Failure> {
    let administrator = Administrator::of(&folder_of(&data.join("hub")), hub_url)?;
    for shop in shops() {
        // What somebody changed about it at an earlier start stays.
        let opened = match administrator.shop(&shop.id)? {
            Some(opened) => opened,
            None => administrator.open_shop(&shop)?,
        };
        simulator.register(Number {
            passkey: PASSKEY.to_owned(),
            business: shop.store_number.clone().unwrap_or_else(|| shop.shortcode.clone()),
            shortcode: shop.shortcode,
            name: shop.name,
            account: shop.account,
            confirmation_url: opened.confirmation_url,
            validation_url: opened.validation_url,
            external_validation: true,
            pull: true,
            ..Number::default()
        });
    }
    let open = |folder: &str, role: Role, shop: Option<&str>, name: &str| -> Result<Running, Failure> {
        let folder = data.join(folder);
        let enrolled = till::Folder::at(&folder)?.is_enrolled();
        let enrol = if enrolled { None } else { Some(administrator.code(role.name(), shop)?.code) };
        let place =
            Place { data: folder, hub: hub_url.to_owned(), enrol, name: name.to_owned(), history_days: None };
        node::open(&place, role, &Meeting::default())
    };
    let office = open("office", Role::Office, None, "Head office")?;
    stock(&office.till)?;
    let tills = TILLS.iter().map(|till| open(till.folder, Role::Till, Some(till.shop), till.name));
    Ok((office, tills.collect::<Result<_, _>>()?))
}

/// Head office fills the catalogues that are empty.
fn stock(office: &Till) -> Result<(), Failure> {
    let now = || Timestamp::from_system(std::time::SystemTime::now());
    office.sync(now())?;
    for shop in shops() {
        let shop = ShopId::parse(&shop.id)?;
        if !office.registers(&shop, Kind::Product)?.is_empty() {
            continue;
        }
        for (id, name, price) in PRODUCTS {
            let product = Product::new(ProductId::parse(id)?, name, Money::parse(price)?)?;
            office.set(&shop, &Item::Product(product), &Person::named("Head office"), now())?;
        }
    }
    office.sync(now())?;
    Ok(())
}

/// A different day for the simulated customers at every start.
fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

fn print_addresses(
    hub: &str,
    safaricom: &str,
    office: &TcpListener,
    tills: &[TcpListener],
) -> Result<(), Failure> {
    println!("Leja is ready. Open in a browser:");
    for (till, listener) in TILLS.iter().zip(tills) {
        let place = format!("{} ({})", till.name, till.shop);
        println!("  till         http://{}   {place}", listener.local_addr()?);
    }
    println!("  head office  http://{}", office.local_addr()?);
    println!("  Safaricom    {safaricom}   simulated: pay as a customer, switch customers off");
    println!("  hub          {hub}   for tills and callbacks");
    println!("Ctrl-C ends it; the next start goes on where this one stopped.");
    Ok(())
}
