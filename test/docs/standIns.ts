import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** What needs nothing but a service on this machine is run. Of what needs an account, an emulator or minutes, the script and its flags are checked. */
const npm = `
case "$1" in
  ci | test) exit 0 ;;
  start) name=start; shift ;;
  run) case "$2" in --silent) shift ;; esac; name=$2; shift 2 ;;
  *) echo "npm $*: not known here" >&2; exit 1 ;;
esac
script=$("$NODE" -p 'require("./package.json").scripts[process.argv[1]] ?? ""' "$name" 2>/dev/null) || exit 1
case "$script" in
  '') echo "package.json has no script $name" >&2; exit 1 ;;
  'node local/'* | 'node deploy/'* | 'node offline/'*) program=$ROOT/\${script#node } ;;
  *) exit 0 ;;
esac
[ "\${1:-}" = -- ] && shift
cd "$WHERE"
# Words are split on purpose: a script names the command behind its file.
case " faults session snapshot restore status " in *" $name "*) exec "$NODE" $program "$@" ;; esac
"$NODE" $program "$@" --help >/dev/null || exit 1
# Another block may have broken a region a moment ago, of which it would tell with exit code 1.
[ "$name" = doctor ] && { "$NODE" $program "$@" || true; }
exit 0
`

/** Programs that answer for what cannot be there; returns the directory to put first on the PATH. */
export function writeStandIns(directory: string): string {
  const programs = join(directory, 'stand-ins')
  mkdirSync(programs)
  mkdirSync(join(directory, '.ci'))
  const program = (file: string, text: string) => {
    writeFileSync(file, `#!/usr/bin/env bash\nset -eu\n${text}`)
    chmodSync(file, 0o755)
  }
  program(join(programs, 'npm'), `WHERE=$PWD; cd "$ROOT"\n${npm}`)
  for (const name of ['npx', 'aws']) program(join(programs, name), 'exit 0\n')
  for (const name of readdirSync(join(root, '.ci'))) program(join(directory, '.ci', name), 'exit 0\n')
  return programs
}
