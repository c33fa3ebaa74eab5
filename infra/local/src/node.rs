//! A till or head office as a server.

use crate::Failure;
use crate::serve::{Stop, bind, serve_quietly, stopped};
use app::{InTouch, Meeting, SyncLoop, keep_in_sync, keep_in_touch, system_clock};
use axum::Router;
use domain::Role;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use till::{Folder, HttpCloud, Till, enrol};
use tokio::net::TcpListener;

/// Where a till lives, and how it becomes a member.
pub struct Place {
    /// Its folder.
    pub data: PathBuf,
    /// The hub's address.
    pub hub: String,
    /// A one-time code, for a folder that is not enrolled yet.
    pub enrol: Option<String>,
    /// What people call it.
    pub name: String,
    /// How many days of history a new till fetches; all of it where nothing is said.
    pub history_days: Option<u32>,
}

/// An open till with its thread that syncs.
pub struct Running {
    /// The till.
    pub till: Arc<Till>,
    /// What it serves.
    pub router: Router,
    sync: SyncLoop,
    thread: JoinHandle<()>,
    touch: InTouch,
}

/// Runs a till or head office until told to stop. A till that is given a second address listens there for
/// the other tills of its shop.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(
    place: Place,
    role: Role,
    (listen, lan): (SocketAddr, Option<SocketAddr>),
    siblings: Vec<String>,
    stop: Stop,
) -> Result<(), Failure> {
    let listener = bind(listen).await?;
    let lan = match lan {
        Some(lan) => Some(bind(lan).await?),
        None => None,
    };
    let at = lan.as_ref().map(TcpListener::local_addr).transpose()?;
    let meeting = Meeting { typed: siblings, lan: at };
    let running = tokio::task::spawn_blocking(move || open(&place, role, &meeting)).await??;
    println!("listening on http://{}", listener.local_addr()?);
    let meet = async {
        let Some(lan) = lan else { return Ok(()) };
        println!("listening on http://{} for other tills", lan.local_addr()?);
        let router = app::lan_router(Arc::clone(&running.till), system_clock());
        serve_quietly(lan, router, stop.clone()).await
    };
    let served = serve_quietly(listener, running.router.clone(), stop.clone());
    let served = tokio::try_join!(served, meet).map(drop);
    running.end().await?;
    served
}

/// Opens a till, enrolling it first if it is new. Only enrolment needs the network.
///
/// # Errors
/// What went wrong, why, and what to do.
pub fn open(place: &Place, role: Role, meeting: &Meeting) -> Result<Running, Failure> {
    let folder = Folder::at(&place.data)?;
    let cloud = HttpCloud::new(&place.hub)?;
    if folder.is_new()? {
        let why = "this folder is not enrolled yet: get a code with `leja admin`, and pass it with --enrol";
        let code = place.enrol.as_deref().ok_or(why)?;
        enrol(&folder, &cloud, code, &place.name)?;
    }
    let till = Arc::new(Till::open(&folder, Box::new(cloud))?.with_history(place.history_days));
    if till.identity().role != role {
        let (is, wanted) = (till.identity().role.name(), role.name());
        return Err(format!("this folder belongs to a member with the role {is}, not {wanted}").into());
    }
    let (sync, thread) = keep_in_sync(Arc::clone(&till), system_clock())?;
    let touch = keep_in_touch(Arc::clone(&till), system_clock(), meeting)?;
    let router = app::router(Arc::clone(&till), system_clock(), sync.clone(), touch.siblings.clone())?;
    Ok(Running { till, router, sync, thread, touch })
}

impl Running {
    /// Serves until told to stop, saying nothing.
    ///
    /// # Errors
    /// The server failed.
    pub async fn serve(self, listener: TcpListener, stop: Stop) -> Result<(), Failure> {
        let served = serve_quietly(listener, self.router.clone(), stop.clone()).await;
        stopped(stop).await;
        self.end().await?;
        served
    }

    /// Lets the threads finish what they are doing.
    async fn end(self) -> Result<(), Failure> {
        self.sync.stop();
        let (thread, touch) = (self.thread, self.touch);
        tokio::task::spawn_blocking(move || {
            thread.join().map_err(|_| "the sync thread failed")?;
            touch.end()
        })
        .await?
        .map_err(Into::into)
    }
}
