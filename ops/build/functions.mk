# `sam build` runs `make build-<logical id>` for each function of template.yaml, in the repository's folder, and wants the
# binary in $(ARTIFACTS_DIR). It shows make's output at once, and its errors after a failure.
#
# The first call builds all functions in one go, so that they link beside each other. The later calls find theirs built.
# The Makefile in arm64/ or x86_64/ says which architecture the template asks for.

flag-arm64 := --arm64
flag-x86_64 := --x86-64
# e_machine, the byte at offset 18 of an ELF file.
machine-arm64 := b7
machine-x86_64 := 3e

# MailEvents -> mail-events
folder = $(shell echo '$*' | sed 's/\(.\)\([A-Z]\)/\1-\2/g' | tr '[:upper:]' '[:lower:]')
binary = target/lambda/$(folder)/bootstrap
refuse = { echo '$(1)' >&2; exit 1; }

build-%Function:
	@cargo lambda --version > /dev/null || $(call refuse,cargo-lambda is missing. Install it: https://www.cargo-lambda.info)
	@cargo lambda build --release --locked $(flag-$(architecture)) --lambda-dir target/lambda 2>&1 \
		|| $(call refuse,cargo lambda build failed. The lines above say why.)
	@test -s $(binary) || $(call refuse,$(binary) is missing: functions/$(folder) makes no binary of that name)
	@test "$$(od -An -tx1 -j18 -N1 $(binary) | tr -d ' ')" = $(machine-$(architecture)) \
		|| $(call refuse,$(binary) is not for $(architecture))
	@cp $(binary) $(ARTIFACTS_DIR)
