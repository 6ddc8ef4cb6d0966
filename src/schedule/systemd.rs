//! Units of systemd: a service and its timer, and a drop-in for the gateway's own unit.

use std::path::Path;

use super::{MARK, Wanted};

/// Name of the service without its ending.
pub const NAME: &str = "skillscan-nightly";
/// The gateway's unit, unless the user names another.
pub const GATEWAY: &str = "openclaw-gateway.service";
/// Where a system service keeps what it saw.
pub const STATE: &str = "/var/lib/skillscan";

/// How the service is to run.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// The program, by its absolute path.
    pub program: String,
    /// Arguments of `nightly`.
    pub arguments: Vec<String>,
    /// Hour and minute, such as `03:30`.
    pub at: String,
    /// Whether it is one of the system rather than of a user.
    pub is_system: bool,
    /// The user that a system service runs as, who must not be the one that the agent runs as.
    pub user: Option<String>,
    /// Whether it looks at the host as well, which takes more than reading files.
    pub has_audit: bool,
    /// Whether it calls `sendmail` or a command of the user's, which may take more.
    pub has_command: bool,
}

impl Service {
    /// The service and its timer, as files of this folder.
    pub fn files(&self, folder: &Path) -> [Wanted; 2] {
        [
            Wanted { path: folder.join(format!("{NAME}.service")), text: self.service() },
            Wanted { path: folder.join(format!("{NAME}.timer")), text: self.timer() },
        ]
    }

    fn service(&self) -> String {
        let mut words = vec![quoted(&self.program), "nightly".to_owned()];
        words.extend(self.arguments.iter().map(|argument| quoted(argument)));
        let mut lines = vec![
            MARK.to_owned(),
            "[Unit]".to_owned(),
            "Description=What changed about the skills of agents".to_owned(),
            String::new(),
            "[Service]".to_owned(),
            "Type=oneshot".to_owned(),
            format!("ExecStart={}", words.join(" ")),
            "UMask=0077".to_owned(),
            "Nice=10".to_owned(),
            "IOSchedulingClass=idle".to_owned(),
            "TimeoutStartSec=1h".to_owned(),
        ];
        if self.is_system {
            lines.extend(self.confined());
        }
        lines.join("\n") + "\n"
    }

    /// What a system service may do: read everything, write what it remembers.
    fn confined(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.user.iter().map(|user| format!("User={user}")).collect();
        lines.push("StateDirectory=skillscan".to_owned());
        lines.push("StateDirectoryMode=0700".to_owned());
        if self.user.is_some() {
            // Skills may lie in directories that are closed to others.
            lines.push("AmbientCapabilities=CAP_DAC_READ_SEARCH".to_owned());
        }
        if !self.has_command {
            lines.push("NoNewPrivileges=yes".to_owned());
        }
        if !self.has_command && !self.has_audit {
            lines.push("CapabilityBoundingSet=CAP_DAC_READ_SEARCH".to_owned());
            lines.extend(
                [
                    "PrivateDevices=yes",
                    "ProtectKernelModules=yes",
                    "ProtectKernelTunables=yes",
                    "ProtectControlGroups=yes",
                ]
                .map(str::to_owned),
            );
        }
        if !self.has_command {
            lines.extend(["ProtectSystem=strict", "ProtectHome=read-only", "PrivateTmp=yes"].map(str::to_owned));
        }
        lines
    }

    fn timer(&self) -> String {
        [
            MARK,
            "[Unit]",
            "Description=Nightly scan of the skills of agents",
            "",
            "[Timer]",
            &format!("OnCalendar=*-*-* {}:00", self.at),
            "RandomizedDelaySec=10min",
            "Persistent=true",
            "",
            "[Install]",
            "WantedBy=timers.target",
            "",
        ]
        .join("\n")
    }
}

/// A drop-in that keeps a gateway's unit from starting while the audit finds a hole; what it cannot find out does not
/// keep it, unless `is_strict`.
pub fn guard(program: &str, unit: &str, folder: &Path, is_strict: bool) -> Wanted {
    let audit = format!("{} audit --quiet", quoted(program));
    let line = if is_strict {
        audit
    } else {
        // Inside the shell's single quotes; systemd itself takes `$$` for a dollar sign.
        let program = program.replace('\'', "'\\''");
        let script = format!("'{program}' audit --quiet; test $? -ne 1");
        format!("/bin/sh -c {}", quoted(&script))
    };
    let text = [MARK, "[Service]", &format!("ExecStartPre={line}"), ""].join("\n");
    Wanted { path: folder.join(format!("{unit}.d")).join("50-skillscan.conf"), text }
}

/// A word of a command line in a unit.
fn quoted(word: &str) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '%' | '$' => out.extend([c, c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
