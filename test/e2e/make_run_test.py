"""`make run` as a newcomer meets it: the first start, the three commands as they are printed, a second
start that keeps everything, a taken port, and Ctrl-C."""
import os
import re
import signal
import subprocess

import harness


class MakeRun(harness.Case):
    def make_run(self, port):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("TENANTSEAL_", "MAKE", "MFLAGS"))}
        environment.update(PORT=str(port), DATA=str(self.data))
        log = open(self.directory / f"make-{port}.log", "ab+")
        self.addCleanup(log.close)
        # A session of its own, so that the interrupt reaches the whole foreground group, as a terminal's would.
        process = subprocess.Popen(["make", "run"], cwd=harness.ROOT, env=environment, start_new_session=True,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(self.end, process)
        def text():
            log.seek(0)
            return log.read().decode(errors="replace")
        return process, text

    def end(self, process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def wait_for_banner(self, process, text):
        def there():
            self.assertIsNone(process.poll(), text())
            return "Ctrl-C stops it" in text()
        harness.wait_until(there, 900, "the banner")

    def interrupt(self, process, text):
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        self.assertIn("run: stopped", text())

    def commands(self, banner):
        part = banner[banner.index("Try next"):banner.index("Ctrl-C stops it")]
        return [line.strip() for line in part.splitlines()[1:] if line.strip()]

    def test_first_start_commands_second_start(self):
        port = harness.free_port()
        process, text = self.make_run(port)
        self.wait_for_banner(process, text)
        self.assertIn(f"http://127.0.0.1:{port}", text())
        commands = self.commands(text())
        self.assertEqual(len(commands), 3)
        for command in commands:
            done = subprocess.run(["bash", "-c", command], cwd=harness.ROOT, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
        self.assertEqual((self.data / "sample.env").stat().st_mode & 0o777, 0o600)
        self.assertEqual((self.data / "operator.key").stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.data.stat().st_mode & 0o777, 0o700)

        # The same port again says plainly that it is taken.
        second, second_text = self.make_run(port)
        self.assertNotEqual(second.wait(120), 0)
        self.assertRegex(second_text(), rf"port {port} is taken")

        sample = (self.data / "sample.env").read_text()
        self.interrupt(process, text)
        port = harness.free_port()
        process, text = self.make_run(port)
        self.wait_for_banner(process, text)
        again = (self.data / "sample.env").read_text()
        token = re.compile(r"TENANTSEAL_API_KEY=\S+")
        self.assertEqual(token.search(sample).group(), token.search(again).group(), "the sample tenant is kept")
        for command in self.commands(text())[1:]:
            done = subprocess.run(["bash", "-c", command], cwd=harness.ROOT, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
        self.interrupt(process, text)


if __name__ == "__main__":
    harness.main()
