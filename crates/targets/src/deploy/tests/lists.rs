//! Access lists (POSIX ACLs) on the files and directories that are met: a private key ends with its mode and nothing beside it.

use std::path::Path;

use rustix::fs::XattrFlags;

use super::*;

const LIST: &str = "system.posix_acl_access";
const HANDED_DOWN: &str = "system.posix_acl_default";

/// Read and write for the owner, read for user 12345, nothing for the owning group and others; the mode shows 0640.
fn list() -> Vec<u8> {
    let nobody = u32::MAX;
    let entries: [(u16, u16, u32); 5] =
        [(0x01, 6, nobody), (0x02, 4, 12_345), (0x04, 0, nobody), (0x10, 4, nobody), (0x20, 0, nobody)];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permission, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permission.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

fn set(path: &Path, name: &str) {
    rustix::fs::setxattr(path, name, &list(), XattrFlags::empty()).expect("a file system with access lists");
}

fn has_list(path: &Path) -> bool {
    let mut value = [0_u8; 4096];
    match rustix::fs::getxattr(path, LIST, &mut value) {
        Ok(_) => true,
        Err(rustix::io::Errno::NODATA) => false,
        Err(error) => panic!("the list of {}: {error}", path.display()),
    }
}

#[tokio::test]
async fn a_key_loses_the_list_of_the_file_it_replaces_and_a_certificate_keeps_it() {
    let (host, authority) = (Host::new(), Authority::new());
    let site = site(&host);
    deploy(&site, &host.config(), &authority.material()).await.expect("deployed");
    let (key, cert) = (host.path("live/key.pem"), host.path("live/cert.pem"));
    set(&key, LIST);
    set(&cert, LIST);
    assert_eq!((host.live()["key.pem"].1, host.live()["cert.pem"].1), (0o640, 0o640));
    deploy(&site, &host.config(), &authority.material()).await.expect("deployed");
    assert_eq!((has_list(&key), has_list(&cert)), (false, true));
    let live = host.live();
    assert_eq!(live["key.pem"].1, 0o600, "the owning group had no access and gets none");
    assert_eq!(live["cert.pem"].1, 0o640);
}

#[tokio::test]
async fn a_key_with_the_right_mode_and_a_list_is_not_in_place() {
    let (host, authority) = (Host::new(), Authority::new());
    let (site, material) = (site(&host), authority.material());
    let mut config = host.config();
    config["key_mode"] = json!("0640");
    deploy(&site, &config, &material).await.expect("deployed");
    set(&host.path("live/key.pem"), LIST);
    let again = deploy(&site, &config, &material).await.expect("deployed");
    assert_eq!((again.change, host.live()["key.pem"].1), (Change::Applied, 0o640));
    assert!(!has_list(&host.path("live/key.pem")));
}

#[tokio::test]
async fn a_key_takes_no_list_from_its_directory() {
    let (host, authority) = (Host::new(), Authority::new());
    let site = site(&host);
    set(&host.path("live"), HANDED_DOWN);
    let mut config = host.config();
    config["key_mode"] = json!("0640");
    deploy(&site, &config, &authority.material()).await.expect("deployed");
    assert!(!has_list(&host.path("live/key.pem")));
    assert_eq!(host.live()["key.pem"].1, 0o640);
}

#[tokio::test]
async fn a_failed_deployment_gives_the_list_back() {
    let (host, authority) = (Host::new(), Authority::new());
    let site = site(&host);
    deploy(&site, &host.config(), &authority.material()).await.expect("deployed");
    let key = host.path("live/key.pem");
    set(&key, LIST);
    let before = host.live();
    host.script("reload", "#!/bin/sh\ncd \"${0%/*}\" && test -e once || { touch once; exit 1; }\n");
    deploy(&site, &host.config(), &authority.material()).await.expect_err("reload fails");
    assert!(has_list(&key), "what was there is there again");
    assert_eq!(host.live(), before);
}
