# What the service does, signing as its own user: it encrypts and decrypts in both regions.

terraform {
  required_providers {
    oci = { source = "oracle/oci" }
  }
}

variable "tenancy" {}
variable "private_key_file" {}
# The output of the administrator's configuration.
variable "service" {
  type = object({ user = string, fingerprint = string, key = string, endpoints = list(string) })
}
variable "region" { default = "us-ashburn-1" }

provider "oci" {
  tenancy_ocid     = var.tenancy
  user_ocid        = var.service.user
  fingerprint      = var.service.fingerprint
  private_key_path = var.private_key_file
  region           = var.region
}

resource "oci_kms_encrypted_data" "card" {
  count           = length(var.service.endpoints)
  crypto_endpoint = var.service.endpoints[count.index]
  key_id          = var.service.key
  plaintext       = base64encode("4111 1111")
}

# Each is opened in the other region.
data "oci_kms_decrypted_data" "card" {
  count           = length(var.service.endpoints)
  crypto_endpoint = reverse(var.service.endpoints)[count.index]
  key_id          = var.service.key
  ciphertext      = oci_kms_encrypted_data.card[count.index].ciphertext
}

output "opened" {
  value = [for each in data.oci_kms_decrypted_data.card : base64decode(each.plaintext)]
}
