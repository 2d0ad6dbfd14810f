use super::*;

fn open(dir: &std::path::Path, users: u32) -> Desk {
    let size = TenantSize { users, ..TenantSize::default() };
    Desk::of(Tenant::open(dir, &size).unwrap())
}

#[tokio::test]
async fn a_kept_tenant_comes_back_as_it_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let (path, before, effects, made) = {
        let desk = open(dir.path(), 40);
        let user = desk.usual();
        let held = desk.tenant().permissions_of(&user.id);
        let path = user_path(&user.id, "/permissions");
        desk.call("DELETE", &path, pairs(&as_pairs(&held[..2]))).await;
        let role = desk.tenant().roles()[9].0.clone();
        desk.call("POST", &user_path(&user.id, "/roles"), json!({"roles": [role]})).await;
        let made = desk.call("POST", "/roles", json!({"name": "Diver"})).await.json();
        let list = desk.get(&format!("{path}?per_page=100")).await.json();
        (path, list, desk.tenant().audit().entries_since(0), made["id"].clone())
    };
    let desk = open(dir.path(), 7);
    let list = desk.get(&format!("{path}?per_page=100")).await.json();
    assert_eq!(list, before);
    assert_eq!(desk.tenant().audit().entries_since(0), effects);
    assert_eq!(effects.len(), 4);
    let second = desk.call("POST", "/roles", json!({"name": "Second"})).await.json();
    assert_ne!(second["id"], made);
    drop(desk);
    Tenant::reset(dir.path()).unwrap();
    let fresh = open(dir.path(), 7);
    assert_eq!((fresh.tenant().audit().len(), fresh.tenant().people().len()), (0, 7));
}

#[tokio::test]
async fn settings_lie_beside_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(dir.path().join("tenant-switches.json")).unwrap();
    std::io::Write::write_all(&mut file, br#"{"plan":"free"}"#).unwrap();
    assert_eq!(open(dir.path(), 3).tenant().switches().plan, Plan::Free);
    let mut file = std::fs::File::create(dir.path().join("tenant-switches.json")).unwrap();
    std::io::Write::write_all(&mut file, br#"{"plans":"free"}"#).unwrap();
    assert!(Tenant::open(dir.path(), &TenantSize::default()).is_err());
}
