//! Whom this node trusts to sign certificates: the authorities in a file, the system's or one that was named; those built
//! in where the system has none.
//!
//! Of a file, 140 authorities long, only the place of each is kept, a kilobyte where the authorities would take a hundred.
//! A handshake reads the one or two that its certificates name.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use rustix::fs::OFlags;
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, SectionKind};
use rustls::pki_types::{CertificateDer, TrustAnchor};

use crate::client::certificate::Certificate;
use crate::client::explain::reason;
use crate::limits::AUTHORITIES_BYTES;

/// Where systems keep their authorities: Debian, Alpine, Arch, buildroot; Fedora and its kin; SUSE; Alpine, OpenWrt.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The authorities that some monitors trust.
#[derive(Debug)]
pub(super) struct Authorities {
    /// Where they may be: the first file with any is it.
    paths: Vec<String>,
    /// No such file: those built in.
    or_built_in: bool,
    index: Mutex<Option<Index>>,
}

/// Where each authority stands in a file.
#[derive(Debug)]
struct Index {
    path: String,
    stamp: Stamp,
    /// A hash of its name and where it begins.
    places: Vec<(u32, u32)>,
}

/// Changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Option<SystemTime>, u64);

impl Stamp {
    pub(super) fn of(path: &str) -> io::Result<Self> {
        Ok(Stamp::new(&std::fs::metadata(path)?))
    }

    fn new(metadata: &Metadata) -> Self {
        Stamp(metadata.modified().ok(), metadata.len())
    }
}

impl Authorities {
    /// The system's. `$SSL_CERT_FILE`, as OpenSSL has it, names another file.
    pub(super) fn of_system(named: Option<String>) -> Self {
        let or_built_in = named.is_none();
        let paths = named.map_or_else(|| SYSTEM.map(String::from).to_vec(), |path| vec![path]);
        Authorities { paths, or_built_in, index: Mutex::default() }
    }

    /// Those in a file.
    pub(super) fn in_file(path: &str) -> Self {
        Authorities { paths: vec![path.into()], or_built_in: false, index: Mutex::default() }
    }

    /// The authorities that are called by one of `names`, and the certificates of those that are from a file.
    pub(super) fn named(&self, names: &[&[u8]]) -> Result<Vec<Authority>, String> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let current = |index: &Index| Stamp::of(&index.path).is_ok_and(|stamp| stamp == index.stamp);
        if !index.as_ref().is_some_and(current) {
            *index = self.find()?;
        }
        match &*index {
            Some(index) => index.read(names).map_err(|error| [&index.path, ": ", &reason(&error)].concat()),
            None => Ok(built_in(names)),
        }
    }

    /// The first file that holds any; `None` for those built in.
    fn find(&self) -> Result<Option<Index>, String> {
        let mut why = String::new();
        for path in &self.paths {
            match Index::new(path) {
                Ok(index) if !index.places.is_empty() => return Ok(Some(index)),
                Ok(_) => why = [path, ": no certificate in it"].concat(),
                Err(error) => why = [path, ": ", &reason(&error)].concat(),
            }
        }
        if self.or_built_in { Ok(None) } else { Err(why) }
    }
}

/// Opens a file, and waits for nobody to write into a pipe: the thread is all that TLS has.
pub(super) fn open(path: &str) -> io::Result<(File, Metadata)> {
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::Error::other("not a file")) }
}

impl Index {
    fn new(path: &str) -> io::Result<Self> {
        let (file, metadata) = open(path)?;
        if metadata.len() > AUTHORITIES_BYTES {
            return Err(io::Error::other("more than 4 MB"));
        }
        let mut reader = BufReader::new(file);
        let mut places = Vec::new();
        loop {
            let at = reader.stream_position()? as u32;
            match next_certificate(&mut reader) {
                Ok(Some(der)) => places.extend(Certificate::parse(&der).map(|read| (hash(read.subject), at))),
                Ok(None) => break,
                // One that cannot be read is none; there are others.
                Err(pem::Error::Io(error)) => return Err(error),
                Err(_) => {}
            }
        }
        places.shrink_to_fit();
        Ok(Index { path: path.into(), stamp: Stamp::new(&metadata), places })
    }

    fn read(&self, names: &[&[u8]]) -> io::Result<Vec<Authority>> {
        let wanted: Vec<u32> = names.iter().map(|name| hash(name)).collect();
        let mut file = None;
        let mut found = Vec::new();
        for (_, at) in self.places.iter().filter(|(hash, _)| wanted.contains(hash)) {
            let file = match &mut file {
                Some(file) => file,
                None => file.insert(BufReader::with_capacity(2048, open(&self.path)?.0)),
            };
            file.seek(SeekFrom::Start(u64::from(*at)))?;
            if let Ok(Some(der)) = next_certificate(file)
                && Certificate::parse(&der).is_some_and(|read| names.contains(&read.subject))
            {
                found.push(Authority::File(der));
            }
        }
        Ok(found)
    }
}

/// One that is trusted to sign certificates.
#[derive(Debug)]
pub(super) enum Authority {
    File(CertificateDer<'static>),
    BuiltIn(&'static TrustAnchor<'static>),
}

impl Authority {
    /// All that can be used to verify others.
    pub(super) fn store(authorities: &[Authority]) -> RootCertStore {
        let mut store = RootCertStore::empty();
        for authority in authorities {
            match authority {
                Authority::File(der) => drop(store.add(der.clone())),
                Authority::BuiltIn(anchor) => store.roots.push((*anchor).clone()),
            }
        }
        store
    }
}

fn built_in(names: &[&[u8]]) -> Vec<Authority> {
    let all = webpki_roots::TLS_SERVER_ROOTS.iter();
    all.filter(|anchor| names.contains(&&*anchor.subject)).map(Authority::BuiltIn).collect()
}

/// The next certificate of a PEM file (RFC 7468); OpenSSL's own kind of them, with what it trusts them for, is none.
fn next_certificate(reader: &mut dyn BufRead) -> Result<Option<CertificateDer<'static>>, pem::Error> {
    loop {
        match pem::from_buf(reader)? {
            Some((SectionKind::Certificate, der)) => return Ok(Some(der.into())),
            Some(_) => {}
            None => return Ok(None),
        }
    }
}

/// FNV-1a: names that collide are told apart when they are read.
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};
    use std::path::PathBuf;
    use std::{fs, process};

    fn pem(name: &str) -> String {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn file(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("imalive-trust-{name}-{}", process::id()));
        fs::write(&path, text).unwrap();
        path
    }

    /// A name of one attribute, the common name, as DER has it inside.
    fn subject(text: &str) -> Vec<u8> {
        let name = text.len() as u8;
        let mut der = vec![0x31, name + 9, 0x30, name + 7, 6, 3, 0x55, 4, 3, 0x0c, name];
        der.extend(text.as_bytes());
        der
    }

    fn found(authorities: &Authorities, names: &[&str]) -> Result<usize, String> {
        let names: Vec<Vec<u8>> = names.iter().map(|name| subject(name)).collect();
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        authorities.named(&names).map(|found| found.len())
    }

    #[test]
    fn of_a_file_those_are_read_whose_names_are_asked_for() {
        let text = format!("# first\n{}noise\n{}\n# third\n{}", pem("one"), pem("two"), pem("two"));
        let path = file("some", &text);
        let authorities = Authorities::in_file(path.to_str().unwrap());
        assert_eq!(found(&authorities, &["one"]), Ok(1));
        assert_eq!(found(&authorities, &["two", "none"]), Ok(2));
        assert_eq!(found(&authorities, &["three"]), Ok(0));
        fs::write(&path, pem("three")).unwrap();
        assert_eq!(found(&authorities, &["three"]), Ok(1));
        assert_eq!(found(&authorities, &["one"]), Ok(0));
        fs::remove_file(&path).unwrap();
        let text = path.to_str().unwrap();
        assert_eq!(found(&authorities, &["three"]), Err(format!("{text}: No such file or directory")));
    }

    #[test]
    fn what_cannot_be_read_does_not_hide_the_rest() {
        let broken = pem("broken").replace("MII", "M!I");
        let path = file("broken", &format!("{broken}{}", pem("good")));
        let authorities = Authorities::in_file(path.to_str().unwrap());
        assert_eq!(found(&authorities, &["good"]), Ok(1));
        fs::write(&path, "nothing").unwrap();
        let text = path.to_str().unwrap();
        assert_eq!(found(&authorities, &["good"]), Err(format!("{text}: no certificate in it")));
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let path = std::env::temp_dir().join(format!("imalive-trust-pipe-{}", process::id()));
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        let text = path.to_str().unwrap().to_owned();
        let asked = std::thread::spawn({
            let authorities = Authorities::in_file(&text);
            move || found(&authorities, &["one"])
        });
        let late = std::time::Instant::now() + std::time::Duration::from_secs(3);
        while !asked.is_finished() && std::time::Instant::now() < late {
            std::thread::yield_now();
        }
        fs::remove_file(&path).unwrap();
        assert!(asked.is_finished());
        assert_eq!(asked.join().unwrap(), Err(format!("{text}: not a file")));
    }

    #[test]
    fn without_a_file_of_the_system_those_built_in_are_trusted() {
        let none = Authorities { paths: vec!["/proc/none".into()], or_built_in: true, index: Mutex::default() };
        let anchor = &webpki_roots::TLS_SERVER_ROOTS[0];
        let found = none.named(&[&anchor.subject]).unwrap();
        assert!(matches!(&found[..], [Authority::BuiltIn(found), ..] if found.subject == anchor.subject));
        assert!(Authorities::of_system(Some("/proc/none".into())).named(&[]).is_err());
    }
}
