# Everything one does with this tree. `make run` and `make test` need a Debian 12 machine with git
# and make; they install what else is missing (tools/setup says what).
.PHONY: help run demo build test test-deep test-aws bench clean
.DEFAULT_GOAL := help

help:  ## Show this help
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run:  ## Build and start the service on 127.0.0.1:8080 (PORT=..., DATA=...)
	@PORT='$(PORT)' DATA='$(DATA)' exec tools/run

demo:  ## A tour: two tenants, an emulated AWS, a million data keys migrated under load
	@tools/setup run
	@tools/build release
	@tools/demo

build:  ## Build what users run: build/release/bin/tenantseal and tenantseal-aws-emulator
	@tools/setup run
	@tools/build release

test:  ## Build and run every test
	@tools/setup test
	@tools/build test
	@tools/with-node ctest --test-dir build/release --output-on-failure --timeout 600 -j 3

test-deep:  ## The long tests: sanitizers, hundreds of kills, fuzzing, static analysis
	@tools/setup deep
	@tools/with-node tools/test-deep

test-aws:  ## The client of AWS KMS against a key in a real account (says what it needs)
	@tools/setup test
	@tools/test-aws

bench:  ## Measure, and print the table of measured figures beside their peers
	@tools/setup bench
	@tools/build bench
	@bench/run

clean:  ## Remove everything that was built (data/ stays)
	rm -rf build
