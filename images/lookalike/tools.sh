# Sourced: functions that create the file trees of the images under /image.
set -eu

# put IMAGE FILE NAME: copy a program to its path in the official image, with its shared libraries.
put() {
    install -D --mode=0755 "$2" "/image/$1$3"
    libraries "$1" "$2"
}

# libraries IMAGE FILE…: copy the shared libraries that these programs need.
libraries() {
    image=/image/$1
    shift
    for file; do
        ldd "$file" 2>/dev/null | grep -o '/[^ ]*' || true
    done | sort --unique | while read -r library; do
        mkdir -p "$image$(dirname "$library")"
        cp --dereference --no-clobber "$library" "$image$library"
    done
}

# shell IMAGE: add BusyBox with its commands (sh, wget …).
shell() {
    mkdir -p "/image/$1/bin"
    for applet in $(busybox --list | grep --invert-match --line-regexp busybox); do
        ln -s busybox "/image/$1/bin/$applet"
    done
    cp /usr/bin/busybox "/image/$1/bin/busybox"
}

# tree IMAGE: create the folders of a small distribution.
tree() {
    for folder in dev etc home proc root run sys usr/bin usr/local/bin usr/sbin var/lib; do
        mkdir -p "/image/$1/$folder"
    done
    install --directory --mode=1777 "/image/$1/tmp"
    ln -s ../run "/image/$1/var/run"
    echo "hosts: files dns" >"/image/$1/etc/nsswitch.conf"
}

# user IMAGE NAME UID GID HOME SHELL: add a user, in addition to root and nobody.
user() {
    [ -e "/image/$1/etc/passwd" ] || {
        printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"/image/$1/etc/passwd"
        printf 'root:x:0:\nnobody:x:65534:\n' >"/image/$1/etc/group"
    }
    [ "$2" = nobody ] || {
        echo "$2:x:$3:$4::$5:$6" >>"/image/$1/etc/passwd"
        echo "$2:x:$4:" >>"/image/$1/etc/group"
    }
}

# folder IMAGE UID:GID MODE PATH: create a folder.
folder() {
    install --directory --owner="${2%:*}" --group="${2#*:}" --mode="$3" "/image/$1$4"
}
