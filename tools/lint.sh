#!/usr/bin/env bash
# Looks for faults: clang-format, shellcheck, pylint and ESLint over everything, and clang-tidy over
# the C++ that has changed.
#   tools/lint.sh [BASE]
# Changed is what differs from BASE: by default from the branch that this one follows, or else what
# the last ten commits touched. clang-tidy takes the newest first, and begins no file after
# LINT_TIDY_S (150) seconds; it says what it left out. Exit status: 0 no fault, 1 faults.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 2
tools/install-dependencies.sh build test lint || exit 2
tree=build/lint

project_git() { git -c safe.directory='*' "$@"; }

# The project's files of these kinds: files '*.h' '*.cc'.
files() { project_git ls-files --cached --others --exclude-standard -- "$@" | sort -u | existing; }
existing() { while read -r file; do [ -e "$file" ] && echo "$file"; done; }

base() {
  local upstream
  if [ $# -gt 0 ]; then
    project_git merge-base "$1" HEAD
    return
  fi
  if upstream=$(project_git merge-base '@{upstream}' HEAD 2>/dev/null) &&
    [ "$upstream" != "$(project_git rev-parse HEAD)" ]; then
    echo "$upstream"
  else
    project_git log -n 11 --format=%H | tail -n 1
  fi
}

# The sources that have changed since $1, the newest first; for a header the source beside it.
changed_sources() {
  {
    project_git diff --name-only HEAD -- '*.h' '*.cc'
    project_git ls-files --others --exclude-standard -- '*.h' '*.cc'
    project_git log --format= --name-only "$1..HEAD" -- '*.h' '*.cc'
  } | sed 's/\.h$/.cc/' | awk '!seen[$0]++' | while read -r file; do
    if grep -qF "\"file\": \"$root/$file\"" "$tree/compile_commands.json"; then echo "$file"; fi
  done
}

# shellcheck disable=SC2317  # called by another shell
tidy_one() {
  if [ "$EPOCHSECONDS" -ge "$TIDY_END" ]; then
    echo "$1: not looked at: the time is up"
    return
  fi
  clang-tidy-19 -p "$TREE" --quiet "$1" 2>/dev/null
}
export -f tidy_one

tidy() {
  local since
  since=$(base "$@") || return 1
  # Precompiled headers are g++'s, which clang-tidy cannot read; it looks at one file at a time.
  cmake -S . -B "$tree" -G Ninja -DCMAKE_BUILD_TYPE=Release -DDUOLOG_PRECOMPILE=OFF \
    -DDUOLOG_BATCHES=OFF >/dev/null ||
    return 1
  export TREE=$tree TIDY_END=$((EPOCHSECONDS + ${LINT_TIDY_S:-150}))
  # shellcheck disable=SC2016  # the inner shell's
  changed_sources "$since" | xargs -r -n 1 -P "$(nproc)" bash -c 'tidy_one "$1"' _
}

format() { files '*.h' '*.cc' | xargs clang-format-19 --dry-run -Werror; }

shells() { files '*.sh' .ci/run | xargs shellcheck --external-sources --source-path=SCRIPTDIR; }

python() {
  files '*.py' | PYTHONPATH=tests/e2e:tests/web:tests/ws:tests/compat:tests/apache_kafka:tests/crash:tests/power \
    xargs /usr/bin/python3 -m pylint --rcfile=tools/lint/pylintrc
}

# ESLint is npm's: Debian's is older than the language that it would have to read.
javascript() {
  mkdir -p "$tree/js"
  if ! cmp -s tools/lint/package-lock.json "$tree/js/package-lock.json" ||
    [ ! -x "$tree/js/node_modules/.bin/eslint" ]; then
    cp tools/lint/package.json "$tree/js/"
    (cd "$tree/js" && cp "$root/tools/lint/package-lock.json" . &&
      npm ci --no-audit --no-fund --ignore-scripts --silent) || return 1
  fi
  cp tools/lint/eslint.config.mjs "$tree/js/"
  files '*.js' '*.mjs' | xargs "$tree/js/node_modules/.bin/eslint" -c "$tree/js/eslint.config.mjs" \
    --max-warnings 0
}

# What the linter $1 ended with.
report() {
  local outcome=passed
  [ "$2" -eq 0 ] || outcome=FAILED faults=1
  printf '== %-10s %s after %d s\n' "$1" "$outcome" $SECONDS
}

faults=0
format
report format $?
shells
report shells $?
python
report python $?
javascript
report javascript $?
tidy "$@"
report tidy $?
exit $faults
