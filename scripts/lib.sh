# Functions that the scripts share. Sourced by each of them, never run by itself.
#
# Nothing here asks a question: what cannot be done is one sentence on standard error that says
# what to do, and exit code 1. Standard output belongs to the program that is run in the end.

set -euo pipefail

# The script that sources this file has set $self to its own full path.
me=${self##*/}
root=${self%/scripts/*}

# What the package links against, as Debian names it.
debian_packages=(libsqlite3-dev pkg-config)
[[ -n ${GB_NO_JEMALLOC:-} ]] || debian_packages+=(libjemalloc-dev)

# What a build reads. A file or folder newer than the last build means: build again.
build_inputs=()
for input in Package.swift Sources workloads; do
  [[ -e $root/$input ]] && build_inputs+=("$root/$input")
done

say() { printf '%s: %s\n' "$me" "$1" >&2; }

die() {
  say "$1"
  exit 1
}

# Prints those of the Debian packages $@ that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      printf '%s\n' "$package"
  done
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -y -o DPkg::Lock::Timeout=120 "$@" </dev/null >&2
}

# Installs the Debian packages $@. Returns 1 with the reason in $apt_failure when it cannot.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0
  if ! command -v apt-get >/dev/null; then
    apt_failure="there is no apt-get to install ${missing[*]}"
    return 1
  fi
  if ((EUID != 0)) && ! sudo -n true 2>/dev/null; then
    apt_failure="installing ${missing[*]} needs root, and sudo without a password is not set up"
    return 1
  fi
  say "installing ${missing[*]}"
  # Fresh images come without package lists, and old lists name files that are gone by now.
  if compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null &&
    apt install --no-install-recommends "${missing[@]}"; then
    return 0
  fi
  if apt update && apt install --no-install-recommends "${missing[@]}"; then return 0; fi
  apt_failure="apt-get could not install ${missing[*]} (its own message is above)"
  return 1
}

# Sees to it that Swift and the libraries are there.
require_tools() {
  local version
  command -v swift >/dev/null ||
    die "no swift on the PATH; install Swift 6.3 from https://www.swift.org/install and try again"
  version=$(swift --version 2>/dev/null) || die "swift does not start; reinstall Swift 6.3"
  if [[ $version =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]]; then
    ((BASH_REMATCH[1] > 6 || BASH_REMATCH[1] == 6 && BASH_REMATCH[2] >= 3)) ||
      die "Swift ${BASH_REMATCH[1]}.${BASH_REMATCH[2]} is too old; install Swift 6.3 or later"
  fi
  command -v git >/dev/null || die "no git on the PATH; install git and try again"
  if command -v dpkg-query >/dev/null; then
    install_packages "${debian_packages[@]}" ||
      die "$apt_failure; run 'apt-get install ${debian_packages[*]}' as root and try again"
  else
    pkg-config --exists sqlite3 2>/dev/null ||
      die "this is not Debian; install SQLite, jemalloc and pkg-config with their headers by hand"
  fi
}

# Fetches the packages that ours depends on; $@ goes to swift.
resolve() {
  swift package --package-path "$root" "$@" resolve </dev/null >&2 ||
    die "the Swift packages could not be fetched; check the network connection and try again"
}

# Sets $git_folder and $common_folder; empty outside a repository.
find_git_folder() {
  local line
  git_folder=$root/.git
  if [[ -f $git_folder ]]; then
    # A linked work tree: the file says where its folder is.
    IFS= read -r line <"$git_folder" || true
    git_folder=${line#gitdir: }
    [[ $git_folder == /* ]] || git_folder=$root/$git_folder
  fi
  if [[ ! -f $git_folder/HEAD ]]; then
    git_folder=
    return 0
  fi
  common_folder=$git_folder
  if [[ -f $git_folder/commondir ]]; then
    IFS= read -r line <"$git_folder/commondir" || true
    if [[ $line == /* ]]; then common_folder=$line; else common_folder=$git_folder/$line; fi
  fi
}

# Sets $head_commit and $head_branch from the files of .git, without starting a program.
read_head() {
  local line id name
  head_commit=unknown
  head_branch=unknown
  find_git_folder
  [[ -n $git_folder ]] || return 0
  IFS= read -r line <"$git_folder/HEAD" || true
  if [[ $line != ref:* ]]; then
    head_commit=$line
    head_branch=detached
    return 0
  fi
  line=${line#ref: }
  head_branch=${line#refs/heads/}
  if [[ -f $common_folder/$line ]]; then
    IFS= read -r head_commit <"$common_folder/$line" || true
  elif [[ -f $common_folder/packed-refs ]]; then
    while read -r id name; do
      if [[ $name == "$line" ]]; then
        head_commit=$id
        break
      fi
    done <"$common_folder/packed-refs"
  fi
}

# Whether what was built differs from the commit; "true" when nobody can tell.
read_dirty() {
  local status
  dirty=true
  if status=$(git -c safe.directory="$root" -C "$root" status --porcelain -- \
    Package.swift Sources workloads 2>/dev/null) && [[ -z $status ]]; then
    dirty=false
  fi
}

# Writes the stamp of binary $1 with the time of file $2. The binary reads it to say what it is.
write_stamp() {
  local fresh=$1.stamp.$$
  read_dirty
  printf 'commit=%s\ndirty=%s\nbranch=%s\n' "$head_commit" "$dirty" "$head_branch" >"$fresh"
  touch -r "$2" "$fresh"
  mv -f "$fresh" "$1.stamp"
}

# Whether nothing that the build of binary $1 has read is newer than its stamp. A folder is newer
# as soon as a file was added to it or deleted from it.
is_fresh() {
  [[ -x $1 && -f $1.stamp ]] || return 1
  [[ -z $(find "${build_inputs[@]}" -newer "$1.stamp" -print -quit) ]]
}

# Builds the executable product $1 in release where that is needed, and sets $binary.
make_ready() {
  local product=$1 line commit= branch= start
  binary=$root/.build/release/$product
  read_head
  if is_fresh "$binary"; then
    while IFS= read -r line; do
      case $line in
        commit=*) commit=${line#commit=} ;;
        branch=*) branch=${line#branch=} ;;
      esac
    done <"$binary.stamp"
    # A commit of what was built already changes no file, only what the files are called.
    [[ $commit == "$head_commit" && $branch == "$head_branch" ]] ||
      write_stamp "$binary" "$binary.stamp"
    return 0
  fi
  require_tools
  # The stamp gets the time before the build, so that what is edited meanwhile is newer.
  mkdir -p "$root/.build" 2>/dev/null ||
    die "$root is not writable; clone the repository to a folder of your own"
  start=$root/.build/$product.start.$$
  : >"$start"
  resolve
  say "building $product (the first time takes some minutes)"
  if ! swift build --package-path "$root" -c release --product "$product" </dev/null >&2; then
    rm -f "$start"
    die "the build failed; mend what the compiler says above and try again"
  fi
  read_head
  write_stamp "$binary" "$start"
  rm -f "$start"
}

# Sets $swift_sources to what the formatter reads.
find_swift_sources() {
  local path
  swift_sources=()
  for path in Package.swift Sources Tests workloads; do
    [[ -e $root/$path ]] && swift_sources+=("$root/$path")
  done
  return 0
}
