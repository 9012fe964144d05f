//! The host of an endpoint: its cloud, and the checks of its name.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::text::{FORM, config, is_host_name};
use crate::error::Result;

/// The Azure cloud of a host, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cloud {
    /// Hosts under `azure.com`.
    Public,
    /// Hosts under `azure.us`.
    UsGovernment,
    /// Hosts under `azure.cn`.
    China,
    /// Any other host, such as a gateway; tokens are requested as in the public cloud.
    Other,
}

impl Cloud {
    pub(super) fn of(url: &Url) -> Self {
        let host = name(url);
        let under = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        if under("azure.com") {
            Self::Public
        } else if under("azure.us") {
            Self::UsGovernment
        } else if under("azure.cn") {
            Self::China
        } else {
            Self::Other
        }
    }

    /// The last label of the cloud's domains.
    pub(super) fn domain(self) -> &'static str {
        match self {
            Self::Public | Self::Other => "com",
            Self::UsGovernment => "us",
            Self::China => "cn",
        }
    }
}

/// The host's name, in lower case as the URL parser gives it.
fn name(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_end_matches('.')
}

/// Refuses what is no host name, and the hosts of Azure that are known to serve something else than chat. There is no list
/// of accepted hosts, because a gateway may have any name.
pub(super) fn check_host(url: &Url, cloud: Cloud) -> Result<()> {
    let host = name(url);
    match url.host() {
        Some(Host::Domain(name)) if !is_host_name(name) || (cloud != Cloud::Other && name.contains('_')) => {
            return Err(config(format!(
                "the endpoint's host is no host name (letters, digits and hyphens between dots); {FORM}"
            )));
        }
        Some(Host::Ipv4(Ipv4Addr::UNSPECIFIED) | Host::Ipv6(Ipv6Addr::UNSPECIFIED)) => {
            return Err(config(
                "the endpoint's host is what a server listens on; use 127.0.0.1 or [::1] for a server on this machine",
            ));
        }
        _ => {}
    }
    if url.port() == Some(0) {
        return Err(config("the endpoint's port is 0; leave it out for 443"));
    }
    if cloud == Cloud::Other {
        return Ok(());
    }
    let Some((service, domain)) = host.rsplit_once(".azure.") else {
        return Ok(());
    };
    match service {
        "openai" | "cognitiveservices" | "services.ai" => {
            Err(config(format!("the endpoint has no resource's name before '{host}'; use https://{{resource}}.{host}")))
        }
        "portal" | "ai" | "oai" => Err(config(format!(
            "the endpoint is the address of a portal ('{host}'); use the address that it shows for the resource, such \
             as https://{{resource}}.openai.azure.{domain}"
        ))),
        _ => {
            let serverless = ["models.ai", "inference.ai", "inference.ml"]
                .into_iter()
                .find(|known| service == *known || service.strip_suffix(known).is_some_and(|rest| rest.ends_with('.')));
            match serverless {
                Some(known) => Err(config(format!(
                    "the endpoint is a serverless or managed deployment ('*.{known}.azure.{domain}'), which speaks the \
                     model inference API; this crate calls deployments of an Azure OpenAI or Foundry resource: use \
                     https://{{resource}}.openai.azure.{domain} or https://{{resource}}.services.ai.azure.{domain}"
                ))),
                None => Ok(()),
            }
        }
    }
}

/// Whether the host is this machine, for which plain HTTP is accepted and no proxy is used.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
