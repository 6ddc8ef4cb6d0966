//! Globals by which a pickle runs code when it is loaded. A list can only name
//! what is known, so the report names every import and this only grades them.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Modules of which any name hands over the machine: they start programs, run
/// text or bytes as code, call into native code, or talk to the network. No
/// object of theirs belongs in stored data.
const CODE_MODULES: &str = "\
    subprocess _posixsubprocess commands popen2 _winapi runpy pty webbrowser socket _socket code codeop timeit bdb \
    pdb profile cProfile trace ctypes _ctypes cffi multiprocessing.popen_fork multiprocessing.popen_spawn_posix \
    multiprocessing.popen_spawn_win32 asyncio.subprocess asyncio.unix_events asyncio.windows_events \
    gevent.subprocess eventlet.green.subprocess imp zipimport pip ensurepip venv distutils.spawn \
    distutils.file_util idlelib lib2to3 test.support.script_helper http.client httplib urllib.request urllib2 \
    ftplib smtplib telnetlib xmlrpc.client xmlrpclib paramiko torch.hub torch.utils.bottleneck \
    torch.utils.collect_env numpy.f2py _thread thread atexit pickle _pickle cPickle marshal dill cloudpickle";

/// Names that do the same in modules that are otherwise harmless. Those that
/// only fetch or bind (`getattr`, `partial`, `attrgetter`) are here because
/// they are how a pickle reaches anything that is not listed.
const CODE_NAMES: &[(&str, &str)] = &[
    (
        "os posix nt",
        "system popen popen2 popen3 popen4 execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle \
         spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe posix_spawn posix_spawnp startfile fork forkpty remove \
         unlink rmdir removedirs rename renames replace chmod putenv kill killpg symlink link",
    ),
    (
        "builtins __builtin__",
        "eval exec compile __import__ getattr setattr delattr apply open file execfile input raw_input breakpoint \
         globals locals vars map filter reload",
    ),
    ("importlib importlib._bootstrap", "import_module reload __import__ _gcd_import"),
    ("importlib.util", "module_from_spec spec_from_file_location"),
    ("importlib.machinery", "SourceFileLoader SourcelessFileLoader ExtensionFileLoader"),
    ("shutil", "rmtree move copy copy2 copyfile copytree unpack_archive chown"),
    ("operator _operator", "attrgetter methodcaller"),
    ("functools _functools", "partial partialmethod reduce"),
    ("io _io codecs pathlib", "open open_code FileIO"),
    ("types", "FunctionType CodeType LambdaType"),
    ("sys", "modules settrace setprofile"),
    ("pkgutil", "resolve_name get_loader"),
    ("pydoc", "locate safeimport pipepager tempfilepager"),
    ("asyncio asyncio.base_events", "create_subprocess_exec create_subprocess_shell"),
    ("multiprocessing.util", "spawnv_passfds"),
    ("multiprocessing multiprocessing.context", "Process"),
    ("threading", "Thread Timer"),
    ("logging.config", "listen"),
    ("doctest", "debug_script debug_src"),
    ("site", "main execsitecustomize execusercustomize"),
    ("requests requests.api httpx", "get post put patch delete request Session Client"),
    ("uuid", "_get_command_stdout"),
    ("urllib", "urlopen urlretrieve URLopener FancyURLopener"),
    ("torch torch.serialization torch.jit", "load _load"),
    ("torch._inductor.codecache", "compile_file"),
    ("joblib numpy pandas pandas.io.pickle", "load read_pickle eval"),
    ("numpy.testing numpy.testing._private.utils", "runstring rundocs measure"),
];

static MODULES: LazyLock<HashSet<&str>> = LazyLock::new(|| CODE_MODULES.split_whitespace().collect());

static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut all = HashSet::new();
    for (modules, names) in CODE_NAMES {
        for module in modules.split_whitespace() {
            all.extend(names.split_whitespace().map(|name| format!("{module}.{name}")));
        }
    }
    all
});

/// Whether the global can run code. A name may have dots (`logging` and `os.system`), and a
/// module may pass another one on (`six.moves.builtins`), so every tail of the path counts.
pub(super) fn runs_code(module: &str, name: &str) -> bool {
    let full = format!("{module}.{name}");
    let in_module = |path: &str| heads(path).any(|head| head.len() < path.len() && MODULES.contains(head));
    tails(&full).any(|tail| heads(tail).any(|head| NAMES.contains(head)))
        || in_module(&full)
        || tails(name).any(in_module)
}

/// The path and what follows each of its dots.
fn tails(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once(path).chain(path.match_indices('.').filter_map(move |(at, _)| path.get(at + 1..)))
}

/// What stands before each of the first dots of the path, and the path; no entry of the tables has more parts.
fn heads(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('.').map(|(at, _)| at).chain(std::iter::once(path.len()));
    ends.take(5).filter_map(move |at| path.get(..at))
}
