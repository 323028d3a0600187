//! Where the server listens and what each listener answers: `[ROLES@]HOST:PORT`.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

/// What a listener answers; every other path is a 404 there. Health is answered by all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) ingest: bool,
    pub(crate) query: bool,
    pub(crate) admin: bool,
}

impl Roles {
    pub(crate) const ALL: Self = Self {
        ingest: true,
        query: true,
        admin: true,
    };
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut roles = Self {
            ingest: false,
            query: false,
            admin: false,
        };
        for role in text.split(',') {
            match role.trim() {
                "ingest" => roles.ingest = true,
                "query" => roles.query = true,
                "admin" => roles.admin = true,
                other => {
                    return Err(format!(
                        "{other:?} is no role: a listener's roles are ingest, query and admin"
                    ));
                }
            }
        }
        Ok(roles)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = [(self.ingest, "ingest"), (self.query, "query"), (self.admin, "admin")]
            .into_iter()
            .filter_map(|(has, name)| has.then_some(name))
            .collect();
        f.write_str(&names.join(","))
    }
}

/// One address with what is answered there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) roles: Roles,
    pub(crate) address: SocketAddr,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (roles, address) = match text.split_once('@') {
            Some((roles, address)) => (roles.parse()?, address),
            None => (Roles::ALL, text),
        };
        Ok(Self {
            roles,
            address: parse_address(address)?,
        })
    }
}

/// `HOST:PORT`; a port alone (`:4318`) is that port on every interface, as Go programs write it.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') {
        format!("0.0.0.0{text}")
    } else {
        text.to_owned()
    };
    full.to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next())
        .ok_or_else(|| format!("{text:?} is no address: write HOST:PORT, as in 127.0.0.1:4318"))
}

#[cfg(test)]
mod tests;
