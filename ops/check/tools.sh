# Sourced by the checks. Installs programs of PyPI and npm under target/tools, once for each version.

# Makes the virtual environment target/tools/$1 with the packages that follow.
tools() {
    local folder="target/tools/$1" wanted="${*:2}"
    [ "$(cat "$folder/packages" 2>/dev/null)" = "$wanted" ] && return
    rm -rf "$folder"
    python3 -m venv "$folder"
    # shellcheck disable=SC2086 # a list of packages
    "$folder/bin/pip" install --quiet --disable-pip-version-check $wanted
    printf '%s\n' "$wanted" > "$folder/packages"
}

# Builds the functions for release, by the cargo-lambda that deployments use. Its package of PyPI brings zig, which it finds by PATH.
lambda_build() {
    tools lambda "$(grep '^cargo-lambda==' ops/release/programs.txt)"
    RUSTUP=false PATH="$PWD/target/tools/lambda/bin:$PATH" \
        target/tools/lambda/bin/cargo-lambda lambda build --release --locked "$@"
}

# Makes the folder target/tools/$1 with the packages of npm that follow.
npm_tools() {
    local folder="target/tools/$1" wanted="${*:2}"
    [ "$(cat "$folder/packages" 2>/dev/null)" = "$wanted" ] && return
    rm -rf "$folder"
    mkdir -p "$folder"
    # shellcheck disable=SC2086 # a list of packages
    npm install --silent --no-audit --no-fund --no-save --prefix "$folder" $wanted
    printf '%s\n' "$wanted" > "$folder/packages"
}
