#!/usr/bin/env bash
# A user with a group, a key and a policy by OCI's CLI, who is granted and refused in two regions.
# usage: user.sh HOME_ENDPOINT OTHER_REGION, with OCI_CLI_CONFIG_FILE and OCI_CLI_RC_FILE of the service
set -euo pipefail
home=$1 other_region=$2
place=$(mktemp -d)
trap 'rm -r "$place"' EXIT
tenancy=$(sed -n 's/^tenancy=//p' "$OCI_CLI_CONFIG_FILE")
region=$(sed -n 's/^region=//p' "$OCI_CLI_CONFIG_FILE")
iam() { oci iam "$@" --endpoint "$home" --raw-output; }
policy() { iam policy create --compartment-id "$tenancy" --name "$1" --description "$1" --statements "[\"$2\"]" --query data.id; }

# A key that is in both regions.
policy replication 'Allow service keymanagementservice to manage vaults in tenancy' > "$place/replication"
vault=$(oci kms management vault create --endpoint "$home" --compartment-id "$tenancy" --display-name cli --vault-type VIRTUAL_PRIVATE \
  --query 'join(`" "`, [data.id, data."management-endpoint", data."crypto-endpoint"])' --raw-output)
read -r vault management crypto <<< "${vault//\"/}"
oci kms management vault create-vault-replica --endpoint "$home" --vault-id "$vault" --replica-region "$other_region"
replica=
while [ -z "$replica" ]; do
  replica=$(oci kms management vault list-vault-replicas --endpoint "$home" --vault-id "$vault" \
    --query 'data[?status==`"CREATED"`]."crypto-endpoint" | [0]' --raw-output)
done
key=$(oci kms management key create --endpoint "$management" --compartment-id "$tenancy" --display-name cards \
  --key-shape '{"algorithm":"AES","length":32}' --query data.id --raw-output)

# A user, a group, a membership and an API key.
openssl genrsa -out "$place/shop.pem" 2048 2> "$place/said"
openssl rsa -in "$place/shop.pem" -pubout -out "$place/shop.pub" 2> "$place/said"
user=$(iam user create --compartment-id "$tenancy" --name shop --description 'a service' --query data.id)
group=$(iam group create --compartment-id "$tenancy" --name Shops --description services --query data.id)
iam group add-user --user-id "$user" --group-id "$group" > "$place/membership"
fingerprint=$(iam user api-key upload --user-id "$user" --key-file "$place/shop.pub" --query data.fingerprint)
printf '[DEFAULT]\ntenancy=%s\nregion=%s\nuser=%s\nfingerprint=%s\nkey_file=%s\n' \
  "$tenancy" "$region" "$user" "$fingerprint" "$place/shop.pem" > "$place/config"
chmod 600 "$place/config" "$place/shop.pem"

shop() { oci "$@" --config-file "$place/config" --raw-output 2> "$place/said"; }
encrypt() { shop kms crypto encrypt --endpoint "$1" --key-id "$key" --plaintext aGVsbG8= --query data.ciphertext; }
decrypt() { shop kms crypto decrypt --endpoint "$1" --key-id "$key" --ciphertext "$2" --query data.plaintext; }
refused() {
  if "${@:2}"; then echo "granted: ${*:2}" >&2; exit 1; fi
  grep -q "\"status\": $1" "$place/said" || { cat "$place/said" >&2; exit 1; }
}

for endpoint in "$crypto" "$replica"; do refused 404 encrypt "$endpoint"; done
policy=$(policy shops "Allow group Shops to use keys in tenancy where request.operation = 'Encrypt'")
here=$(encrypt "$crypto")
there=$(encrypt "$replica")
refused 404 decrypt "$crypto" "$there"
refused 404 decrypt "$replica" "$here"
iam policy update --policy-id "$policy" --force --version-date '' --statements '["Allow group Shops to use keys in tenancy"]' > "$place/updated"
# Each opens what the other region has encrypted.
[ "$(decrypt "$crypto" "$there")" = aGVsbG8= ]
[ "$(decrypt "$replica" "$here")" = aGVsbG8= ]
echo "granted and refused in both regions, as the policies say"
