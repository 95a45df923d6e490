"""A user with a group, a key and a policy, who is granted and refused in two regions.

usage: python main.py HOME_ENDPOINT OTHER_ENDPOINT OTHER_REGION
"""

import base64
import os
import sys
import time

import oci
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from oci.identity import IdentityClient
from oci.identity import models as identity
from oci.key_management import KmsCryptoClient, KmsManagementClient, KmsVaultClient
from oci.key_management import models as kms

home, other, other_region = sys.argv[1:4]
config = oci.config.from_file(os.environ["OCI_CONFIG_FILE"])
tenancy = config["tenancy"]
people = IdentityClient(config, service_endpoint=home)


def make_policy(name, statement):
    details = identity.CreatePolicyDetails(
        compartment_id=tenancy, name=name, description=name, statements=[statement]
    )
    return people.create_policy(details).data.id


def refused(status, what, call):
    try:
        call()
    except oci.exceptions.ServiceError as error:
        if error.status == status:
            return
        raise
    sys.exit(f"{what} was granted")


# A key that is in both regions.
make_policy("replication", "Allow service keymanagementservice to manage vaults in tenancy")
vaults = KmsVaultClient(config, service_endpoint=home)
vault = vaults.create_vault(
    kms.CreateVaultDetails(compartment_id=tenancy, display_name="python", vault_type="VIRTUAL_PRIVATE")
).data
vaults.create_vault_replica(vault.id, kms.CreateVaultReplicaDetails(replica_region=other_region))
replica = None
while replica is None:
    time.sleep(0.1)
    replica = next((each for each in vaults.list_vault_replicas(vault.id).data if each.status == "CREATED"), None)
keys = KmsManagementClient(config, vault.management_endpoint)
shape = kms.KeyShape(algorithm="AES", length=32)
key = keys.create_key(kms.CreateKeyDetails(compartment_id=tenancy, display_name="cards", key_shape=shape)).data

# A user, a group, a membership and an API key.
user = people.create_user(
    identity.CreateUserDetails(compartment_id=tenancy, name="shop", description="a service")
).data.id
group = people.create_group(
    identity.CreateGroupDetails(compartment_id=tenancy, name="Shops", description="services")
).data.id
people.add_user_to_group(identity.AddUserToGroupDetails(user_id=user, group_id=group))
pair = rsa.generate_private_key(65537, 2048)
pem = serialization.Encoding.PEM
public = pair.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
private = pair.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
api_key = people.upload_api_key(user, identity.CreateApiKeyDetails(key=public.decode())).data
shop = {
    "tenancy": tenancy,
    "region": config["region"],
    "user": user,
    "fingerprint": api_key.fingerprint,
    "key_content": private.decode(),
}

secret = base64.b64encode(b"4111 1111").decode()
clients = [KmsCryptoClient(shop, endpoint) for endpoint in (vault.crypto_endpoint, replica.crypto_endpoint)]


def encrypt(client):
    return client.encrypt(kms.EncryptDataDetails(key_id=key.id, plaintext=secret)).data.ciphertext


def decrypt(client, ciphertext):
    return client.decrypt(kms.DecryptDataDetails(key_id=key.id, ciphertext=ciphertext)).data.plaintext


for client in clients:
    refused(404, "Encrypt without a statement", lambda: encrypt(client))
policy = make_policy("shops", "Allow group Shops to use keys in tenancy where request.operation = 'Encrypt'")
made = [encrypt(client) for client in clients]
for client in clients:
    refused(404, "Decrypt", lambda: decrypt(client, made[0]))
people.update_policy(policy, identity.UpdatePolicyDetails(statements=["Allow group Shops to use keys in tenancy"]))
# Each opens what the other region has encrypted.
for client, ciphertext in zip(clients, reversed(made)):
    assert decrypt(client, ciphertext) == secret
# The user itself may not do what no statement grants.
for endpoint in (home, other):
    mine = IdentityClient(shop, service_endpoint=endpoint)
    refused(404, "ListUsers", lambda: mine.list_users(tenancy))
    assert mine.get_user(user).data.name == "shop"
people.delete_api_key(user, api_key.fingerprint)
for client in clients:
    refused(401, "Encrypt with a revoked key", lambda: encrypt(client))
print("granted and refused in both regions, as the policies say")
