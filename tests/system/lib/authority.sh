# Sourced by monitors and arm-monitors: certificates of an authority of our own, in $tls. Needs common.sh.
# shellcheck shell=bash

tls=$scratch/tls
# shellcheck disable=SC2034 # what kind of key certificate makes
ec=(-newkey ec -pkeyopt ec_paramgen_curve:P-256)
rsa=(-newkey rsa:2048)

# make_authority: $tls/ca.pem.
make_authority() {
  mkdir -p "$tls/issued"
  openssl req -x509 -nodes "${rsa[@]}" -days 30 -subj "/CN=imalive's test authority" -keyout "$tls/ca.key" -out "$tls/ca.pem" \
    -addext keyUsage=critical,keyCertSign 2>/dev/null
  : >"$tls/index.txt"
  cat >"$tls/ca.cnf" <<END
[ca]
default_ca = ours
[ours]
certificate = $tls/ca.pem
private_key = $tls/ca.key
database = $tls/index.txt
new_certs_dir = $tls/issued
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
END
}

# certificate NAME FROM TO SUBJECT-ALTERNATIVE-NAMES KEY…: $tls/NAME.pem and .key. The times are what date -d reads.
certificate() {
  openssl req -new -nodes "${@:5}" -keyout "$tls/$1.key" -out "$tls/$1.csr" -subj "/CN=$1" 2>/dev/null
  openssl ca -batch -notext -config "$tls/ca.cnf" -startdate "$(date -u -d "$2" +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "$3" +%Y%m%d%H%M%SZ)" \
    -in "$tls/$1.csr" -out "$tls/$1.pem" -extfile <(echo "subjectAltName=$4") 2>"$tls/$1.log" ||
    { cat "$tls/$1.log" >&2; die "openssl makes no certificate for $1"; }
}
