#!/bin/sh
# Create the file trees of the images whose programs come from Debian forky.
. /lookalike/tools.sh

# Images from scratch: only the program and its libraries, no shell.
put pause /usr/bin/catatonit /pause
put nginx-exporter /usr/bin/prometheus-nginx-exporter /usr/bin/nginx-prometheus-exporter
put redis-exporter /usr/bin/prometheus-redis-exporter /redis_exporter
for image in nginx-exporter redis-exporter; do
    mkdir -p /image/$image/etc/ssl/certs
    cat /usr/share/ca-certificates/mozilla/*.crt >/image/$image/etc/ssl/certs/ca-certificates.crt
done

# The Prometheus images are based on BusyBox.
for image in alertmanager blackbox-exporter postgres-exporter prometheus pushgateway; do
    tree $image
    shell $image
    user $image nobody 65534 65534 / /bin/false
done
put alertmanager /usr/bin/prometheus-alertmanager /bin/alertmanager
put alertmanager /usr/bin/amtool /bin/amtool
put blackbox-exporter /usr/bin/prometheus-blackbox-exporter /bin/blackbox_exporter
put postgres-exporter /usr/bin/prometheus-postgres-exporter /bin/postgres_exporter
put prometheus /usr/bin/prometheus /bin/prometheus
put prometheus /usr/bin/promtool /bin/promtool
put pushgateway /usr/bin/prometheus-pushgateway /bin/pushgateway
folder alertmanager 65534:65534 0755 /etc/alertmanager
folder alertmanager 65534:65534 0775 /alertmanager
folder blackbox-exporter 0:0 0755 /etc/blackbox_exporter
folder prometheus 65534:65534 0755 /etc/prometheus
folder prometheus 65534:65534 0775 /prometheus
folder pushgateway 65534:65534 0775 /pushgateway
# Debian's builds read their pages and templates at run time, while the official binaries embed them. Some of Debian's
# links are dangling.
for image in alertmanager prometheus pushgateway; do
    mkdir -p /image/$image/usr/share
    cp --recursive --dereference /usr/share/prometheus /image/$image/usr/share/ 2>/dev/null || true
done

tree nginx
shell nginx
user nginx nginx 101 101 /var/cache/nginx /sbin/nologin
put nginx /usr/sbin/nginx /usr/sbin/nginx
cp --recursive /lookalike/entrypoint.sh /image/nginx/docker-entrypoint.sh
for path in /docker-entrypoint.d /etc/nginx /usr/share/nginx /var/cache/nginx /var/log/nginx; do
    folder nginx 0:0 0755 $path
done
ln -s /dev/stdout /image/nginx/var/log/nginx/access.log
ln -s /dev/stderr /image/nginx/var/log/nginx/error.log
