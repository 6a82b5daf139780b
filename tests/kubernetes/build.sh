#!/usr/bin/env bash
# Build Kubernetes 1.20.2 from Debian 12's source package: build.sh WORK_FOLDER RESULT_FOLDER. Needs golang-1.19-go.
# The result is one program with all services (hyperkube.go), and the program of the pause image. Go's cache stays in
# the work folder, so an interrupted build continues where it stopped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$1 result=$2
version=1.20.2

mkdir -p "$work"/{lists/partial,cache/archives/partial,go/src/k8s.io} "$result"
cd "$work"
work=$PWD

# Most machines have no deb-src line, so this is a separate apt configuration with the machine's own mirror.
archive=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | head -n 1)
printf '%s\n' "deb $archive bookworm main" "deb-src $archive bookworm main" >sources.list
apt=(apt-get -qq -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o Dir::Etc::SourceParts=-
    -o "Dir::Etc::SourceList=$work/sources.list" -o APT::Sandbox::User=root)
"${apt[@]}" update
"${apt[@]}" source --download-only kubernetes
"${apt[@]}" download golang-github-modern-go-reflect2-dev
dpkg-deb --extract golang-github-modern-go-reflect2-dev_*.deb debian

source=$work/go/src/k8s.io/kubernetes
rm -rf "$source"
mkdir "$source"
tar --extract --gzip --file kubernetes_*really"$version".orig.tar.gz --directory "$source" --strip-components=1
cd "$source"

# With Go 1.18 and newer, iterating over a map crashes reflect2 1.0.1 and with it the API server. Debian's is 1.0.2.
reflect2=vendor/github.com/modern-go/reflect2
rm "$reflect2"/*.go "$reflect2"/*.s
cp "$work"/debian/usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} "$reflect2"

export PATH=/usr/lib/go-1.19/bin:$PATH GOPATH=$work/go GOCACHE=$work/go-cache GOENV=off GOFLAGS=-trimpath GO111MODULE=off
export CGO_ENABLED=0
# The package lacks the API definitions that Kubernetes's own build generates.
go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
packages=$(grep --recursive --files-with-matches --include='*.go' '+k8s:openapi-gen=true' pkg cmd staging/src plugin |
    grep -v '/testdata/\|_examples\|/test/' | xargs -n 1 dirname | sort -u |
    sed 's#^staging/src/##; s#^\(pkg\|cmd\|plugin\)/#k8s.io/kubernetes/\1/#' | paste -sd ,)
"$work/openapi-gen" --logtostderr -i "$packages" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
    -h hack/boilerplate/boilerplate.generatego.txt -r /dev/null

# Without a version, the API server would say v0.0.0, and a chart's kubeVersion would refuse it.
IFS=. read -r major minor _ <<<"$version"
flags='-s -w'
for package in component-base/version client-go/pkg/version; do
    stamp=k8s.io/kubernetes/vendor/k8s.io/$package
    flags+=" -X $stamp.gitVersion=v$version -X $stamp.gitMajor=$major -X $stamp.gitMinor=$minor"
    flags+=" -X $stamp.gitCommit=debian -X $stamp.gitTreeState=clean"
done
mkdir cmd/hyperkube cmd/pause
cp "$here/hyperkube.go" cmd/hyperkube/
cp "$here/pause.go" cmd/pause/
go build -o "$result/hyperkube" -ldflags "$flags" ./cmd/hyperkube
go build -o "$result/pause" -ldflags '-s -w' ./cmd/pause
for name in kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubelet; do
    ln -sf hyperkube "$result/$name"
done
