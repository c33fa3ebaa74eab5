//! A till or head office as a server.

use crate::Failure;
use crate::serve::{Stop, bind, serve, stopped};
use app::{SyncLoop, keep_in_sync, system_clock};
use axum::Router;
use domain::Role;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use till::{Folder, HttpCloud, Till, enrol};

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
}

/// Runs a till or head office until told to stop.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(place: Place, role: Role, listen: SocketAddr, stop: Stop) -> Result<(), Failure> {
    let listener = bind(listen).await?;
    let running = tokio::task::spawn_blocking(move || open(&place, role)).await??;
    let served = serve(listener, running.router.clone(), stop.clone()).await;
    running.end().await?;
    served
}

/// Opens a till, enrolling it first if it is new. Only enrolment needs the network.
///
/// # Errors
/// What went wrong, why, and what to do.
pub fn open(place: &Place, role: Role) -> Result<Running, Failure> {
    let folder = Folder::at(&place.data)?;
    let cloud = HttpCloud::new(&place.hub)?;
    if !folder.is_enrolled() {
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
    let router = app::router(Arc::clone(&till), system_clock(), sync.clone())?;
    Ok(Running { till, router, sync, thread })
}

impl Running {
    /// Serves until told to stop, saying nothing.
    ///
    /// # Errors
    /// The server failed.
    pub async fn serve(self, listener: tokio::net::TcpListener, stop: Stop) -> Result<(), Failure> {
        let served = crate::serve::serve_quietly(listener, self.router.clone(), stop.clone()).await;
        stopped(stop).await;
        self.end().await?;
        served
    }

    /// Lets the thread finish what it is doing.
    async fn end(self) -> Result<(), Failure> {
        self.sync.stop();
        let thread = self.thread;
        tokio::task::spawn_blocking(move || thread.join()).await?.map_err(|_| "the sync thread failed".into())
    }
}
