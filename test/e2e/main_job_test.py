"""The main job: a tenant is created, files of real size are sealed under its key through the
service and opened again, byte for byte; whatever was tampered with, cut short or is another
tenant's leaves no output."""
import base64
import contextlib
import filecmp
import os
import pty
import random
import re
import stat
import subprocess

import harness

MIB = 1 << 20
SIZES = [0, 1, 1024, MIB - 1, MIB, MIB + 1, 5 * MIB, 64 * MIB]
DOES_NOT_OPEN = 3


class MainJob(harness.Case):
    def setUp(self):
        super().setUp()
        self.server = self.start()
        self.token = self.service_token(self.server, self.tenant(self.server))

    def run_cli(self, *arguments, **options):
        return self.cli(*arguments, server=self.server, token=options.pop("token", self.token), **options)

    def file(self, name, size, seed=1):
        path = self.directory / name
        with open(path, "wb") as out:
            out.write(random.Random(seed).randbytes(size))
        return path

    def sealed(self, size, *context):
        plain = self.file(f"plain-{size}", size)
        sealed = self.directory / f"sealed-{size}"
        done = self.run_cli("seal", plain, "--output", sealed, *context)
        self.assertEqual(done.returncode, 0, done.stderr)
        return plain, sealed

    def assert_refused(self, sealed, *more, status=DOES_NOT_OPEN, token=None):
        output = self.directory / "must-not-exist"
        done = self.run_cli("open", sealed, "--output", output, *more, token=token or self.token)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertTrue(done.stderr, "a refusal says why")
        self.assertFalse(output.exists())
        left = [f for f in os.listdir(self.directory) if "must-not-exist" in f]
        self.assertEqual(left, [], "no temporary file stays behind")

    def test_files_of_every_size_open_byte_for_byte(self):
        for size in SIZES:
            with self.subTest(size=size):
                plain, sealed = self.sealed(size)
                opened = self.directory / f"opened-{size}"
                done = self.run_cli("open", sealed, "--output", opened)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(filecmp.cmp(plain, opened, shallow=False))
                self.assertLess(sealed.stat().st_size, size + 2048 + 64 * (size // MIB + 1))
                for path in (plain, sealed, opened):
                    path.unlink()

    def test_through_standard_input_and_output(self):
        for size in (0, 1000, 3 * MIB + 7):
            plain = random.Random(size).randbytes(size)
            sealed = self.run_cli("seal", "-", stdin=plain)
            self.assertEqual(sealed.returncode, 0, sealed.stderr)
            self.assertEqual(sealed.stdout[:3], bytes.fromhex("020478"))
            opened = self.run_cli("open", "-", stdin=sealed.stdout)
            self.assertEqual(opened.returncode, 0, opened.stderr)
            self.assertEqual(opened.stdout, plain)
            self.assertEqual(opened.stderr, b"", "quiet in a pipe")

    def test_open_to_standard_output_releases_only_verified_frames_and_says_when_it_ends_early(self):
        plain, sealed = self.sealed(4 * MIB)
        whole = sealed.read_bytes()
        done = self.run_cli("open", "-", stdin=whole[: len(whole) - 2 * MIB])
        self.assertEqual(done.returncode, DOES_NOT_OPEN, done.stderr)
        self.assertTrue(done.stderr)
        self.assertTrue(plain.read_bytes().startswith(done.stdout))
        self.assertLess(len(done.stdout), 4 * MIB)

    def test_what_follows_a_message_is_refused_in_a_sentence_of_its_own(self):
        plain, sealed = self.sealed(3 * MIB)
        done = self.run_cli("open", "-", stdin=sealed.read_bytes() + b"x")
        self.assertEqual(done.returncode, DOES_NOT_OPEN, done.stderr)
        self.assertEqual(done.stdout, plain.read_bytes())
        self.assertIn(f"whole content, {3 * MIB} bytes".encode(), done.stderr)
        for wrong in (b"ends early", b"missing", b"cut off"):
            self.assertNotIn(wrong, done.stderr)
        output = self.directory / "must-not-exist"
        done = self.run_cli("open", "-", "--output", output, stdin=sealed.read_bytes() + b"x")
        self.assertEqual(done.returncode, DOES_NOT_OPEN, done.stderr)
        self.assertNotIn(b"The output", done.stderr)
        self.assertFalse(output.exists())

    def test_a_range_says_when_it_ends_early(self):
        plain, sealed = self.sealed(3 * MIB)
        whole = bytearray(sealed.read_bytes())
        whole[len(whole) // 2] ^= 1   # The final frame, verified first, is intact.
        sealed.write_bytes(whole)
        done = self.run_cli("open", sealed, "--range", f"0:{3 * MIB}")
        self.assertEqual(done.returncode, DOES_NOT_OPEN, done.stderr)
        self.assertEqual(done.stdout, plain.read_bytes()[:MIB])
        self.assertIn(f"The output ends early: its first {MIB} bytes".encode(), done.stderr)
        self.assert_refused(sealed, "--range", f"0:{3 * MIB}")

    def test_lost_output_is_a_failure(self):
        env = {**os.environ, "TENANTSEAL_SERVER": self.server.url, "TENANTSEAL_API_KEY": self.token}
        _, sealed = self.sealed(10)
        for command in (["value", "seal", "hello"], ["data-key", "create"], ["tenant", "me"],
                        ["inspect", str(sealed)], ["open", str(sealed), "--output", "-"], ["--help"]):
            for redirection in (">/dev/full", ">&-"):
                with self.subTest(command=command, redirection=redirection):
                    done = subprocess.run(["bash", "-c", f'exec "$@" {redirection}', "_", harness.BINARY, *command],
                                          env=env, capture_output=True)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertRegex(done.stderr, b"cannot write the output|disk that holds the output is full")

    def test_open_replaces_no_file_that_it_was_not_told_to(self):
        plain, sealed = self.sealed(10)
        named = sealed.rename(f"{plain}.sealed")
        content = plain.read_bytes()
        plain.write_bytes(b"what was there")
        self.assertEqual(self.run_cli("open", named).returncode, 8)
        self.assertEqual(plain.read_bytes(), b"what was there")
        self.assertEqual(self.run_cli("open", named, "--force").returncode, 0)
        self.assertEqual(plain.read_bytes(), content)
        plain.unlink()
        self.assertEqual(self.run_cli("open", named).returncode, 0)
        self.assertEqual(plain.read_bytes(), content)

    def test_an_opened_file_is_its_owners_alone_and_a_replaced_one_keeps_its_permissions(self):
        _, sealed = self.sealed(10)
        opened = self.directory / "opened"
        for before, after in ((None, 0o600), (0o644, 0o644)):
            for words in (["open", sealed], ["open", "-"]):
                opened.unlink(missing_ok=True)
                if before:
                    opened.touch()
                    opened.chmod(before)
                done = self.run_cli(*words, "--output", opened, stdin=sealed.read_bytes())
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(stat.S_IMODE(opened.stat().st_mode), after, words)
        self.assertIn(b"one that is replaced keeps its permissions", self.cli_ok("open", "--help").stdout)

    def test_a_file_that_says_it_is_empty_and_is_not(self):
        with open("/proc/version", "rb") as file:
            content = file.read()
        self.assertEqual(os.stat("/proc/version").st_size, 0)
        sealed = self.directory / "sealed"
        done = self.run_cli("seal", "/proc/version", "--output", sealed)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.run_cli("open", sealed, "--output", "-").stdout, content)

    def test_what_is_no_regular_file(self):
        pipe = self.directory / "pipe"
        os.mkfifo(pipe)
        for path in ("/dev/null", pipe):
            done = self.run_cli("seal", path)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(f"{path} is not a regular file; give --output".encode(), done.stderr)
        self.assertFalse(os.path.exists("/dev/null.sealed"))
        self.assertEqual(self.run_cli("seal", "/dev/null", "--output", self.directory / "empty").returncode, 0)
        for verb in ("inspect", "rewrap"):
            for path in ("-", "/dev/null", self.directory):
                with self.subTest(verb=verb, path=path):
                    done = self.run_cli(verb, path)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn(b"directory" if path == self.directory else b"regular file", done.stderr)
                    self.assertNotIn(b"stream", done.stderr)

    def test_truncated_anywhere_leaves_nothing(self):
        _, sealed = self.sealed(2 * MIB + 100)
        whole = sealed.read_bytes()
        cuts = [0, 1, 2, 10, 100, 400, 600, MIB, 2 * MIB, len(whole) - 17, len(whole) - 1]
        for cut in cuts:
            with self.subTest(cut=cut):
                sealed.write_bytes(whole[:cut])
                self.assert_refused(sealed)
        sealed.write_bytes(whole + b"x")
        self.assert_refused(sealed)

    def test_one_flipped_bit_anywhere_leaves_nothing(self):
        _, sealed = self.sealed(MIB + 100)
        whole = bytearray(sealed.read_bytes())
        rng = random.Random(7)
        header = len(whole) - MIB - 100 - 2 * 36
        places = [rng.randrange(header) for _ in range(30)] + [rng.randrange(header, len(whole)) for _ in range(20)]
        for place in places:
            with self.subTest(place=place):
                bit = 1 << rng.randrange(8)
                whole[place] ^= bit
                sealed.write_bytes(whole)
                output = self.directory / "must-not-exist"
                done = self.run_cli("open", sealed, "--output", output)
                self.assertNotEqual(done.returncode, 0)
                self.assertFalse(output.exists())
                whole[place] ^= bit

    def test_another_tenants_message_does_not_open(self):
        _, sealed = self.sealed(1000)
        other = self.service_token(self.server, self.tenant(self.server, "Other"))
        self.assert_refused(sealed, token=other)

    def test_an_existing_output_survives_a_refusal(self):
        _, sealed = self.sealed(1000)
        sealed.write_bytes(sealed.read_bytes()[:-1])
        kept = self.directory / "kept"
        kept.write_bytes(b"what was there")
        self.assertEqual(self.run_cli("open", sealed, "--output", kept).returncode, DOES_NOT_OPEN)
        self.assertEqual(kept.read_bytes(), b"what was there")

    def test_context_is_required_as_given(self):
        plain, sealed = self.sealed(1000, "--context", "invoice=4711", "--context", "year=2026")
        opened = self.directory / "opened"
        for pairs in ([], ["--context", "year=2026"], ["--context", "year=2026", "--context", "invoice=4711"]):
            done = self.run_cli("open", sealed, "--output", opened, *pairs)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(filecmp.cmp(plain, opened, shallow=False))
        self.assert_refused(sealed, "--context", "year=2025")
        self.assert_refused(sealed, "--context", "month=1")

    def test_inspect_shows_the_header_and_no_key(self):
        _, sealed = self.sealed(1000, "--context", "invoice=4711")
        done = self.cli_ok("inspect", sealed)   # Needs neither server nor API key.
        text = done.stdout.decode()
        self.assertIn("invoice", text)
        self.assertIn("4711", text)
        self.assertIn("TenantId", text)
        wrapped = re.search(rb"#BYOKv1#:[^:]+:([\w-]{158})", sealed.read_bytes())[1]
        raw = base64.urlsafe_b64decode(wrapped + b"==")
        for part in (raw, wrapped, base64.b64encode(raw), raw.hex().encode()):
            for shown in (done.stdout + done.stderr, self.cli_ok("inspect", sealed, "--json").stdout):
                self.assertNotIn(part[:32].lower(), shown.lower())
                self.assertNotIn(part[-32:].lower(), shown.lower())

    def on_a_terminal(self, *arguments):
        """Runs a command whose standard error is a terminal; what it showed there."""
        terminal, theirs = pty.openpty()
        process = subprocess.Popen([harness.BINARY, *map(str, arguments)], stdin=subprocess.DEVNULL, stderr=theirs,
                                   stdout=subprocess.DEVNULL, env=self.cli_environment(self.server, self.token))
        os.close(theirs)
        shown = b""
        with open(terminal, "rb", buffering=0) as reader, contextlib.suppress(OSError):   # EIO at its end.
            while part := reader.read(4096):
                shown += part
        self.assertEqual(process.wait(60), 0, shown)
        return shown.decode()

    def test_progress_on_a_terminal_and_none_in_a_pipe(self):
        plain = self.file("plain", 40 * MIB)
        sealed = self.directory / "sealed"
        lines = self.on_a_terminal("seal", plain, "--output", sealed).split("\r")
        self.assertRegex(lines[1], r"^sealing  1.0 MiB of 40.0 MiB  2%  [\d.]+ \w+/s  [\d:]+ left\x1b")
        self.assertRegex(lines[-2], r"^sealing  40.0 MiB of 40.0 MiB  100%  [\d.]+ \w+/s\x1b")
        self.assertEqual(lines[-1], "\n")
        self.assertEqual(self.run_cli("seal", plain, "--output", sealed).stderr, b"")
        short = self.file("short", 10)
        self.assertEqual(self.on_a_terminal("seal", short, "--output", sealed), "", "no bar for what is done at once")

    def test_rewrap_seals_the_content_anew(self):
        plain, sealed = self.sealed(2 * MIB)
        tenant = self.expect(self.server.call("GET", harness.API + "/tenants/me", token=self.token), 200)["id"]
        admin = self.api_key(self.server, "TenantAdmin", tenant)[1]
        before = sealed.read_bytes()
        self.rotate(self.server, tenant, admin)
        done = self.run_cli("rewrap", sealed)
        self.assertEqual(done.returncode, 0, done.stderr)
        after = sealed.read_bytes()
        self.assertNotEqual(before, after)
        self.assertNotEqual(before[3:35], after[3:35])   # The message id, which frames are bound to.
        self.assertNotIn(after[-MIB:-MIB + 64], before)
        opened = self.directory / "opened"
        self.assertEqual(self.run_cli("open", sealed, "--output", opened).returncode, 0)
        self.assertTrue(filecmp.cmp(plain, opened, shallow=False))

    def test_exit_statuses(self):
        plain = self.file("plain", 10)
        self.assertEqual(self.run_cli("seal", plain, token="tsk_wrong-token-wrong-token").returncode, 4)
        for words, unknown, where in ((["seal", "--no-such-flag"], "--no-such-flag", "seal "), (["sael", plain], "sael", ""),
                                      (["encryption", "keyprovider", "lst"], "lst", "encryption keyprovider "),
                                      (["seal", "--api-key=tsk_secret"], "--api-key", "seal ")):
            done = self.run_cli(*words)
            self.assertNotIn(b"tsk_secret", done.stderr)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"`{unknown}` is no command or flag".encode(), done.stderr)
            self.assertIn(f"`tenantseal {where}--help`".encode(), done.stderr)
        self.assertNotEqual(self.run_cli("seal", self.directory / "absent").returncode, 0)
        gone = self.cli("seal", plain, server=None, token=self.token,
                        environment={"TENANTSEAL_SERVER": f"http://127.0.0.1:{harness.free_port()}"})
        self.assertEqual(gone.returncode, 5, gone.stderr)

    def test_a_full_disk_leaves_no_output(self):
        plain, sealed = self.sealed(5 * MIB)
        command = 'ulimit -f 1024; trap "" XFSZ; exec "$@"'
        env = {**os.environ, "TENANTSEAL_SERVER": self.server.url, "TENANTSEAL_API_KEY": self.token}
        for verb, source in (("seal", plain), ("open", sealed)):
            done = subprocess.run(["bash", "-c", command, "_", harness.BINARY, verb, str(source), "--output",
                                   str(self.directory / "must-not-exist")], env=env, capture_output=True)
            self.assertGreater(done.returncode, 0)
            self.assertTrue(done.stderr)
            self.assertEqual([f for f in os.listdir(self.directory) if "must-not-exist" in f], [])


if __name__ == "__main__":
    harness.main()
