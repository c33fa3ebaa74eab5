//! Tills finding each other on the shop's network by multicast DNS, as printers do. What is announced is an
//! address and a tag that only the shop's own tills can read; no shop, no name.

use crate::siblings::SiblingLoop;
use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use std::net::IpAddr;
use till::Tag;

/// What tills announce themselves as.
const SERVICE: &str = "_leja._tcp.local.";
/// The one word in the announcement, beside the address.
const TAG: &str = "tag";

/// The announcement, withdrawn when it is dropped.
pub(crate) struct Discovery(ServiceDaemon);

impl Discovery {
    /// Announces this till at a port on all of this machine's addresses, and says which others are heard.
    ///
    /// # Errors
    /// There is no multicast here.
    pub(crate) fn start(own: Tag, port: u16, siblings: SiblingLoop) -> Result<Self, mdns_sd::Error> {
        let daemon = ServiceDaemon::new()?;
        daemon.register(announcement(own, port)?)?;
        let heard = daemon.browse(SERVICE)?;
        let listen = move || {
            for event in heard.iter() {
                match event {
                    ServiceEvent::ServiceResolved(found) => {
                        let place = read(&found, own);
                        if place.is_some_and(|(at, tag)| !siblings.found(&found.fullname, at, tag)) {
                            return;
                        }
                    }
                    ServiceEvent::ServiceRemoved(_, name) => siblings.lost(&name),
                    _ => {}
                }
            }
        };
        let thread = std::thread::Builder::new().name("discovery".to_owned()).spawn(listen);
        thread.map_err(|error| mdns_sd::Error::Msg(error.to_string()))?;
        Ok(Self(daemon))
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        // Whoever does not hear that we leave finds out at the next meeting.
        let _ = self.0.shutdown();
    }
}

fn announcement(own: Tag, port: u16) -> Result<ServiceInfo, mdns_sd::Error> {
    let name = own.to_string();
    let host = format!("leja-{name}.local.");
    let info = ServiceInfo::new(SERVICE, &name, &host, "", port, &[(TAG, name.as_str())][..])?;
    Ok(info.enable_addr_auto())
}

/// Where another till says it is. Whether it is one of ours shows when it is met.
fn read(found: &ResolvedService, own: Tag) -> Option<(String, Tag)> {
    let tag = found.txt_properties.get_property_val_str(TAG)?.parse().ok().filter(|tag| *tag != own)?;
    let mut addresses: Vec<IpAddr> = found.addresses.iter().map(|address| address.to_ip_addr()).collect();
    // An IPv6 address of the link alone needs to be told which link; the IPv4 one does not.
    addresses.sort_unstable();
    let address = addresses.into_iter().find(IpAddr::is_ipv4)?;
    (found.port > 0).then(|| (format!("{address}:{}", found.port), tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_tells_strangers_an_address_and_a_tag() {
        let own: Tag = "0011223344556677".parse().unwrap();
        let info = announcement(own, 8311).unwrap();
        let told: Vec<String> = info.get_properties().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["tag=0011223344556677"]);
        assert_eq!(info.get_fullname(), "0011223344556677._leja._tcp.local.");
        assert_eq!((info.get_hostname(), info.get_port()), ("leja-0011223344556677.local.", 8311));
    }
}
