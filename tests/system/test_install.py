"""Why: `make install` runs as root over what an administrator has edited, and `make uninstall`
after it. Nothing edited may be lost, and nothing else may stay. Before that, a second configure
must reach the programs that were already built: otherwise a tcpackd that reads the configuration of
the first prefix would be installed without a word."""

import os
import subprocess
from pathlib import Path

import pytest

from harness import programs


@pytest.fixture
def root(tmp_path):
    """Stands for / : DESTDIR of each make."""
    return tmp_path / "root"


BUILD = os.environ.get("TCPACK_BUILDDIR") or programs.SOURCE


def run(*command, folder=BUILD):
    """Runs it as from a shell: nothing of the make that runs these tests reaches it."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "DESTDIR")}
    done = subprocess.run(command, env=environment, text=True, cwd=folder,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def make(target, root):
    return run("make", target, f"DESTDIR={root}")


def files(root):
    """Each with its folder: bin/tcpack."""
    return sorted(f"{path.parent.name}/{path.name}" for path in root.rglob("*")
                  if not path.is_dir())


def configuration(root, name="tcpack.ini"):
    found, = root.rglob(f"etc/{name}")
    return found


def test_installs_what_is_needed(root):
    make("install", root)
    installed = files(root)
    for name in ("bin/tcpack", "bin/tcpack-journal", "sbin/tcpackd", "etc/tcpack.ini",
                 "man1/tcpack.1", "man1/tcpack-journal.1", "man8/tcpackd.8", "man5/tcpack.ini.5",
                 "man7/tcpack-protocol.7", "man7/tcpack-tutorial.7", "examples/numbered.py"):
        assert name in installed
    for path in ("man/zh_CN/man1/tcpack.1", "man/zh_CN/man7/tcpack-tutorial.7",
                 "fish/vendor_completions.d/tcpack.fish", "zsh/site-functions/_tcpackd"):
        assert list(root.rglob(f"share/{path}"))
    make("installcheck", root)
    shipped = Path(programs.SOURCE, "etc", "tcpack.ini").read_bytes()
    assert configuration(root).read_bytes() == shipped


def test_an_unedited_configuration_is_neither_doubled_nor_left(root):
    make("install", root)
    make("install", root)
    assert "etc/tcpack.ini.new" not in files(root)
    make("uninstall", root)
    assert files(root) == []


def test_an_edited_configuration_stays(root):
    make("install", root)
    edited = configuration(root)
    edited.write_text("[server]\nport = 9001\n")
    said = make("install", root)
    assert "tcpack.ini.new" in said
    assert edited.read_text() == "[server]\nport = 9001\n"
    shipped = Path(programs.SOURCE, "etc", "tcpack.ini").read_bytes()
    assert configuration(root, "tcpack.ini.new").read_bytes() == shipped
    make("uninstall", root)
    assert files(root) == ["etc/tcpack.ini"]
    assert edited.read_text() == "[server]\nport = 9001\n"


def install_for_real(root, *settings):
    """make install without DESTDIR, into a prefix of the test's."""
    return run("make", "install", f"prefix={root}", f"sysconfdir={root}/etc",
               f"localstatedir={root}/var", *settings)


def test_a_configuration_that_the_new_version_refuses_is_said(root):
    """And the installation goes on: the administrator learns it before the next start."""
    (root / "etc" / "tcpack").mkdir(parents=True)
    edited, instance = root / "etc" / "tcpack.ini", root / "etc" / "tcpack" / "one.ini"
    edited.write_text("[server]\nport = 9001\n[journal]\npostgresql = host=192.0.2.1 dbname=x\n")
    said = install_for_real(root)
    assert "tcpackd: " not in said and "will not start" not in said  # it asked no database
    edited.write_text("[server]\nprot = 9001\n")
    instance.write_text("[journal]\nsync = perhaps\n")
    said = install_for_real(root)
    for file, wrong in (edited, "unknown key"), (instance, "sync: "):
        assert f"tcpackd: error: {file}:2: {wrong}" in said
        assert f"tcpackd will not start with {file}: correct it before you restart tcpackd\n" in said
    assert edited.read_text() == "[server]\nprot = 9001\n"
    assert "sbin/tcpackd" in files(root)


@pytest.mark.parametrize("way", ["a package", "another machine"])
def test_what_is_installed_for_another_machine_does_not_run(root, way):
    """A program for it cannot run here, and its configuration is not this machine's."""
    for folder in root / "etc", Path(f"{root}{root}", "etc"):
        folder.mkdir(parents=True)
        (folder / "tcpack.ini").write_text("[server]\nprot = 9001\n")
    setting = "cross_compiling=yes" if way == "another machine" else f"DESTDIR={root}"
    said = install_for_real(root, setting)
    assert "tcpack.ini.new" in said and "unknown key" not in said and "will not" not in said


def test_a_second_configure_reaches_what_was_built(tmp_path):
    """Another prefix, other flags: the same make, and the programs and pages follow."""
    source = tmp_path / "source"  # a source folder in which was built takes no other build
    run("make", "distdir", f"distdir={source}")

    def build(*settings):
        run(source / "configure", "--quiet", "--disable-hardening", *settings, folder=tmp_path)
        run("make", "-j2", "tcpackd", "man/tcpackd.8", folder=tmp_path)
        return (programs.run(tmp_path / "tcpackd", "-h").stdout,
                (tmp_path / "man" / "tcpackd.8").read_text(encoding="utf-8"))

    for told in build("CFLAGS=-O0", f"--prefix={tmp_path}/first"):
        assert f"{tmp_path}/first/etc/tcpack.ini" in told
    for told in build("CFLAGS=-O0", f"--prefix={tmp_path}/second"):
        assert f"{tmp_path}/second/etc/tcpack.ini" in told
    before = os.stat(tmp_path / "src" / "common" / "buffer.o").st_mtime_ns
    build("CFLAGS=-O0 -g", f"--prefix={tmp_path}/second")
    assert os.stat(tmp_path / "src" / "common" / "buffer.o").st_mtime_ns > before
