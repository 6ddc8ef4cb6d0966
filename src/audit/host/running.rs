//! Sockets and processes, as the kernel shows them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use procfs::net::{TcpNetEntries, TcpState};
use procfs::{ExplicitSystemInfo, FromBufReadSI};

use super::{FILE_BYTES, Host, Unread};

/// Largest table of sockets that is read, in bytes.
const TABLE: u64 = 64 * 1024 * 1024;
/// Most processes.
const PROCESSES: usize = 65_536;
/// Longest command line, in bytes; Linux allows more.
const LINE: u64 = 256 * 1024;

/// A TCP socket that takes connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whose it is.
    pub uid: u32,
    /// Its number, which leads to the process.
    pub inode: u64,
}

impl Listener {
    /// As in evidence: `tcp 127.0.0.1:18789`.
    pub fn shown(&self) -> String {
        format!("tcp {}", self.address)
    }
}

/// A running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Whose it is.
    pub uid: u32,
    /// Its name, 15 bytes at most.
    pub name: String,
    /// Its arguments, the program included; a program may overwrite them.
    pub arguments: Vec<String>,
}

impl Host {
    /// TCP sockets that listen in the network that this process sees, IPv4 first.
    ///
    /// # Errors
    /// If the host is an image, or its tables cannot be read.
    pub fn listeners(&self) -> Result<&[Listener], Unread> {
        let found = self.listeners.get_or_init(|| {
            if !self.is_live {
                return Err(Unread::NotLive);
            }
            let mut found = self.table("/proc/net/tcp")?;
            // A kernel without IPv6 has no such table.
            match self.table("/proc/net/tcp6") {
                Err(Unread::Absent) => {}
                other => found.extend(other?),
            }
            Ok(found)
        });
        found.as_deref().map_err(Clone::clone)
    }

    fn table(&self, path: &str) -> Result<Vec<Listener>, Unread> {
        let text = self.read(path, TABLE)?;
        let system = ExplicitSystemInfo {
            boot_time_secs: 0,
            ticks_per_second: 100,
            page_size: 4096,
            is_little_endian: cfg!(target_endian = "little"),
        };
        let entries = TcpNetEntries::from_buf_read(text.as_slice(), &system)
            .map_err(|error| Unread::Other(format!("{path}: {error}")))?;
        let listening = entries.0.into_iter().filter(|entry| entry.state == TcpState::Listen);
        let listeners =
            listening.map(|entry| Listener { address: plain(entry.local_address), uid: entry.uid, inode: entry.inode });
        Ok(listeners.collect())
    }

    /// All processes that this user may see.
    ///
    /// # Errors
    /// If the host is an image, or `/proc` is not there.
    pub fn processes(&self) -> Result<&[Process], Unread> {
        let found = self.processes.get_or_init(|| {
            if !self.is_live {
                return Err(Unread::NotLive);
            }
            let entries = self.list("/proc")?;
            let numbers = entries.iter().filter_map(|entry| entry.text().parse::<u32>().ok());
            // A process may end while it is looked at.
            Ok(numbers.take(PROCESSES).filter_map(|pid| self.process(pid)).collect())
        });
        found.as_deref().map_err(Clone::clone)
    }

    fn process(&self, pid: u32) -> Option<Process> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let uid = self.stat(&folder).ok()?.uid;
        let status = self.text(folder.join("status"), FILE_BYTES).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        // What a process may not be asked about belongs to root; its status says whose it really is.
        let uid = field("Uid:").and_then(|uids| uids.split_whitespace().nth(1)?.parse().ok()).unwrap_or(uid);
        let line = self.head(folder.join("cmdline"), LINE).map(|(bytes, _)| bytes).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        let arguments = line.split('\0').map(|text| text.trim_end().to_owned()).filter(|text| !text.is_empty());
        let name = self.text(folder.join("comm"), FILE_BYTES).ok()?.trim_end_matches('\n').to_owned();
        Some(Process { pid, uid, name, arguments: arguments.collect() })
    }

    /// The process that a socket belongs to; other users' sockets are known to root only.
    pub fn owner(&self, listener: &Listener) -> Option<&Process> {
        let processes = self.processes().ok()?;
        let owners = self.owners.get_or_init(|| self.socket_owners(processes));
        let pid = owners.get(&listener.inode)?;
        processes.iter().find(|process| process.pid == *pid)
    }

    /// Sockets to processes, of those that this user may ask.
    fn socket_owners(&self, processes: &[Process]) -> BTreeMap<u64, u32> {
        let mut owners = BTreeMap::new();
        for process in processes {
            let files = self.list(format!("/proc/{}/fd", process.pid)).unwrap_or_default();
            for file in files {
                let Ok(target) = self.link(&file.path) else { continue };
                let target = target.to_string_lossy();
                let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
                if let Some(inode) = inode.and_then(|inode| inode.parse().ok()) {
                    owners.entry(inode).or_insert(process.pid);
                }
            }
        }
        owners
    }
}

/// An IPv4 address that an IPv6 socket takes as what it is.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
