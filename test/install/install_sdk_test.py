"""The installed SDK: an example builds against it with find_package, and works with a real service.

usage: install_sdk_test.py BUILD_DIR
"""
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test/e2e"))
import harness  # noqa: E402  (found by the path above)

BUILD = pathlib.Path(sys.argv.pop() if len(sys.argv) > 1 else ROOT / "build/release")


class InstallSdk(harness.Case):

    def test_example(self):
        prefix, build = self.directory / "prefix", self.directory / "example"
        self.run_quietly("cmake", "--install", BUILD, "--prefix", prefix, "--component", "sdk")
        headers = {p.name for p in (prefix / "include").rglob("*.h")}
        self.assertEqual(headers, {p.name for p in (ROOT / "include/tenantseal").glob("*.h")})
        for header in (prefix / "include").rglob("*.h"):
            includes = [line for line in header.read_text().splitlines() if line.startswith('#include "')]
            self.assertTrue(all(line.startswith('#include "tenantseal/') for line in includes), includes)
        self.run_quietly("cmake", "-S", ROOT / "examples/sdk", "-B", build, "-G", "Ninja",
                         f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Debug")
        self.run_quietly("cmake", "--build", build)

        server = self.start()
        tenant = self.tenant(server)
        environment = {**os.environ, "TENANTSEAL_SERVER": server.url,
                       "TENANTSEAL_API_KEY": self.service_token(server, tenant)}
        self.run_quietly(build / "example", env=environment)
        environment["TENANTSEAL_API_KEY"] = "wrong"
        refused = subprocess.run([build / "example"], env=environment, capture_output=True)
        self.assertEqual(refused.returncode, 1)

    def run_quietly(self, *command, **options):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
