#!/bin/bash
# Installs a real Blender from a Debian release into a folder of its own, beside this system, and leaves a command for it.
#
#   tools/real_blender.sh trixie DIR    Blender 4.3
#   tools/real_blender.sh sid DIR       Blender 5.2 LTS (sid moves on: treat it as best effort)
#
# Leaves DIR/blender, which runs Blender with /tmp, $HOME and this repository's parent at the same paths as outside, so
# that an environment built outside works inside, and DIR/blender-gui, the same on a virtual screen (SHOT=picture.png
# saves the screen after SHOT_AFTER seconds and quits, SCREEN=640x480 makes it smaller). Needs root and a Debian system;
# a second call does nothing.
set -euo pipefail

release=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
root=$dir/root
[ ! -x "$dir/blender" ] || exit 0

export DEBIAN_FRONTEND=noninteractive
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -n 1)
: "${mirror:?needs a Debian system with /etc/apt/sources.list.d/debian.sources}"
if ! command -v debootstrap >/dev/null; then
    apt-get update -q
    apt-get install -y -q debootstrap
fi
# An older host does not know a newer release's signing key; the packages come from the host's own mirror.
[ -d "$root/usr/share/doc" ] || debootstrap --no-check-gpg --variant=minbase "$release" "$root" "$mirror"

# A private mount namespace: what is mounted inside is gone with the command, so that nobody who later deletes the
# folder deletes through a mount.
in_root() { unshare --mount --propagation private sh -c 'mount --bind /proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@"; }
in_root apt-get -o Acquire::Check-Valid-Until=false update -q
in_root apt-get install -y -q --no-install-recommends blender xvfb xauth imagemagick libgl1-mesa-dri libegl1 \
    python3-numpy python3-requests python3-zstandard
# Blender 5.1 and later want cattrs for their asset code; earlier releases have no such package.
in_root apt-get install -y -q --no-install-recommends python3-cattr || true

cat > "$root/usr/local/bin/blender-on-screen" <<'INSIDE'
#!/bin/bash
display=:$((70 + RANDOM % 900))
size=${SCREEN:-1600x1000}
Xvfb "$display" -screen 0 "${size}x24" >/dev/null 2>&1 &
screen=$!
pid=
trap 'kill $pid "$screen" 2>/dev/null' EXIT
sleep 2
export DISPLAY=$display
blender -p 0 0 "${size%x*}" "${size#*x}" "$@" &
pid=$!
if [ -n "${SHOT:-}" ]; then
    sleep "${SHOT_AFTER:-20}"
    import -window root "$SHOT"
    kill "$pid"
fi
wait "$pid"
INSIDE
chmod +x "$root/usr/local/bin/blender-on-screen"

parent=$(cd "$(dirname "$0")/../.." && pwd)
write_command() { # name, program inside
    cat > "$dir/$1" <<COMMAND
#!/bin/bash
if [ -z "\${SOLILOQUY_IN_NAMESPACE:-}" ]; then
    SOLILOQUY_IN_NAMESPACE=1 exec unshare --mount --propagation private "\$0" "\$@"
fi
root=$root
IFS=: read -ra shared <<< "\${BLENDER_BIND:-$parent}"
for d in /proc /dev /tmp "\$HOME" "\${shared[@]}"; do
    mkdir -p "\$root\$d"
    mount --rbind "\$d" "\$root\$d"
done
keep=()
for name in \$(compgen -e | grep -E "^(SHOT|SCREEN|SOLILOQUY_|BLENDER_USER_)"); do
    [ "\$name" = SOLILOQUY_IN_NAMESPACE ] || keep+=("\$name=\${!name}")
done
exec chroot "\$root" env -i -C "\$PWD" HOME="\$HOME" LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin "\${keep[@]}" $2 "\$@"
COMMAND
    chmod +x "$dir/$1"
}
write_command blender-gui blender-on-screen
write_command blender blender
"$dir/blender" --version | head -n 1
