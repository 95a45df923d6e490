# What an administrator makes: a service's user with a key, a group and a policy, and a key that is in two regions.

terraform {
  required_providers {
    oci = { source = "oracle/oci" }
  }
}

variable "tenancy" {}
variable "user" {}
variable "fingerprint" {}
variable "key_file" {}
# Of the service's pair, whose private half stays with it.
variable "public_key_file" {}
variable "home_region" { default = "us-ashburn-1" }
variable "other_region" { default = "us-phoenix-1" }
variable "operations" {
  type    = list(string)
  default = ["Encrypt", "Decrypt"]
}

provider "oci" {
  tenancy_ocid     = var.tenancy
  user_ocid        = var.user
  fingerprint      = var.fingerprint
  private_key_path = var.key_file
  region           = var.home_region
}

provider "oci" {
  alias            = "other"
  tenancy_ocid     = var.tenancy
  user_ocid        = var.user
  fingerprint      = var.fingerprint
  private_key_path = var.key_file
  region           = var.other_region
}

resource "oci_identity_user" "shop" {
  compartment_id = var.tenancy
  name           = "tf-shop"
  description    = "a service"
}

resource "oci_identity_group" "shops" {
  compartment_id = var.tenancy
  name           = "TfShops"
  description    = "services"
}

resource "oci_identity_user_group_membership" "shop" {
  user_id  = oci_identity_user.shop.id
  group_id = oci_identity_group.shops.id
}

resource "oci_identity_api_key" "shop" {
  user_id   = oci_identity_user.shop.id
  key_value = file(var.public_key_file)
}

resource "oci_identity_policy" "shops" {
  compartment_id = var.tenancy
  name           = "tf-shops"
  description    = "what shops may do"
  statements = [
    "Allow group ${oci_identity_group.shops.name} to use keys in tenancy where request.operation in (${join(", ", formatlist("'%s'", var.operations))})",
  ]
}

resource "oci_identity_policy" "replication" {
  compartment_id = var.tenancy
  name           = "tf-replication"
  description    = "the tenancy's word to the service"
  statements     = ["Allow service keymanagementservice to manage vaults in tenancy"]
}

resource "oci_kms_vault" "shop" {
  compartment_id = var.tenancy
  display_name   = "terraform"
  vault_type     = "VIRTUAL_PRIVATE"
}

resource "oci_kms_key" "cards" {
  compartment_id      = var.tenancy
  display_name        = "cards"
  management_endpoint = oci_kms_vault.shop.management_endpoint
  key_shape {
    algorithm = "AES"
    length    = 32
  }
}

resource "oci_kms_vault_replication" "shop" {
  vault_id       = oci_kms_vault.shop.id
  replica_region = var.other_region
  depends_on     = [oci_identity_policy.replication]
}

# The same vault, asked for in the other region.
data "oci_kms_vault" "replica" {
  provider   = oci.other
  vault_id   = oci_kms_vault.shop.id
  depends_on = [oci_kms_vault_replication.shop]
}

output "service" {
  value = {
    user        = oci_identity_user.shop.id
    fingerprint = oci_identity_api_key.shop.fingerprint
    key         = oci_kms_key.cards.id
    endpoints   = [oci_kms_vault.shop.crypto_endpoint, data.oci_kms_vault.replica.crypto_endpoint]
  }
}
