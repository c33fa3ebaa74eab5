//! Serving a router until told to stop.

use crate::Failure;
use axum::Router;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long requests under way may take after the signal; pages that listen for events never end.
const GRACE: Duration = Duration::from_secs(2);

/// Becomes true when the program should end.
pub type Stop = watch::Receiver<bool>;

/// Listens for Ctrl-C and SIGTERM.
///
/// # Errors
/// The signals can not be listened for.
pub fn stop_signal() -> Result<Stop, Failure> {
    let (say, stop) = watch::channel(false);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        // Nobody waits any more when this fails.
        let _ = say.send(true);
    });
    Ok(stop)
}

/// Binds an address.
///
/// # Errors
/// It is taken, or not ours.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        format!("can not listen on {address}: {error}. Close what uses it, or choose another port").into()
    })
}

/// Says that a server is ready, and serves it until told to stop.
///
/// # Errors
/// The server failed.
pub async fn serve(listener: TcpListener, router: Router, stop: Stop) -> Result<(), Failure> {
    println!("listening on http://{}", listener.local_addr()?);
    serve_quietly(listener, router, stop).await
}

/// Serves until told to stop.
///
/// # Errors
/// The server failed.
pub async fn serve_quietly(listener: TcpListener, router: Router, stop: Stop) -> Result<(), Failure> {
    // With the caller's address, because callbacks are judged by it too.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stopped(stop.clone()));
    tokio::select! {
        done = server => Ok(done?),
        () = async { stopped(stop).await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}

/// Waits for the signal.
pub async fn stopped(mut stop: Stop) {
    // An error means that whoever could say stop is gone, which is a stop.
    let _ = stop.wait_for(|stopped| *stopped).await;
}
