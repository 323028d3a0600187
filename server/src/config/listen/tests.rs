//! Addresses and roles as they are written on a command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn an_address_alone_answers_everything() {
    let listen: Listen = "127.0.0.1:4318".parse().unwrap();
    assert_eq!(listen.roles, Roles::ALL);
    assert_eq!(listen.address.port(), 4318);
}

#[test]
fn roles_stand_before_the_at_sign() {
    let listen: Listen = "query,admin@[::1]:9090".parse().unwrap();
    assert_eq!(
        listen.roles,
        Roles {
            ingest: false,
            query: true,
            admin: true
        }
    );
    assert_eq!(listen.roles.to_string(), "query,admin");
    assert!(listen.address.is_ipv6());
}

#[test]
fn a_port_alone_is_every_interface() {
    let listen: Listen = ":4318".parse().unwrap();
    assert!(listen.address.ip().is_unspecified());
}

#[test]
fn unknown_roles_and_addresses_are_named() {
    assert!("read@127.0.0.1:1".parse::<Listen>().unwrap_err().contains("read"));
    assert!("4318".parse::<Listen>().unwrap_err().contains("4318"));
}
