package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/identity"
	"github.com/oracle/oci-go-sdk/v65/keymanagement"
)

// A user with a group, a key and a policy, who is granted and refused in two regions.
// usage: go run . HOME_ENDPOINT OTHER_ENDPOINT OTHER_REGION
func main() {
	ctx := context.Background()
	home, other := os.Args[1], os.Args[2]
	admin := must(common.ConfigurationProviderFromFile(os.Getenv("OCI_CONFIG_FILE"), ""))
	tenancy := must(admin.TenancyOCID())
	region := must(admin.Region())

	people := must(identity.NewIdentityClientWithConfigurationProvider(admin))
	people.Host = home
	vaults := must(keymanagement.NewKmsVaultClientWithConfigurationProvider(admin))
	vaults.Host = home

	policy := func(name string, statement string) *string {
		return must(people.CreatePolicy(ctx, identity.CreatePolicyRequest{CreatePolicyDetails: identity.CreatePolicyDetails{
			CompartmentId: &tenancy, Name: &name, Description: &name, Statements: []string{statement},
		}})).Id
	}
	policy("replication", "Allow service keymanagementservice to manage vaults in tenancy")
	vault := must(vaults.CreateVault(ctx, keymanagement.CreateVaultRequest{CreateVaultDetails: keymanagement.CreateVaultDetails{
		CompartmentId: &tenancy, DisplayName: common.String("go"), VaultType: keymanagement.CreateVaultDetailsVaultTypeVirtualPrivate,
	}})).Vault
	must(vaults.CreateVaultReplica(ctx, keymanagement.CreateVaultReplicaRequest{
		VaultId: vault.Id, CreateVaultReplicaDetails: keymanagement.CreateVaultReplicaDetails{ReplicaRegion: &os.Args[3]},
	}))
	replicaCrypto := ""
	for replicaCrypto == "" {
		for _, each := range must(vaults.ListVaultReplicas(ctx, keymanagement.ListVaultReplicasRequest{VaultId: vault.Id})).Items {
			if each.Status == keymanagement.VaultReplicaSummaryStatusCreated {
				replicaCrypto = *each.CryptoEndpoint
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	keys := must(keymanagement.NewKmsManagementClientWithConfigurationProvider(admin, *vault.ManagementEndpoint))
	key := must(keys.CreateKey(ctx, keymanagement.CreateKeyRequest{CreateKeyDetails: keymanagement.CreateKeyDetails{
		CompartmentId: &tenancy, DisplayName: common.String("cards"),
		KeyShape: &keymanagement.KeyShape{Algorithm: keymanagement.KeyShapeAlgorithmAes, Length: common.Int(32)},
	}})).Key

	// A user, a group, a membership and an API key.
	user := must(people.CreateUser(ctx, identity.CreateUserRequest{CreateUserDetails: identity.CreateUserDetails{
		CompartmentId: &tenancy, Name: common.String("shop"), Description: common.String("a service"),
	}})).Id
	group := must(people.CreateGroup(ctx, identity.CreateGroupRequest{CreateGroupDetails: identity.CreateGroupDetails{
		CompartmentId: &tenancy, Name: common.String("Shops"), Description: common.String("services"),
	}})).Id
	must(people.AddUserToGroup(ctx, identity.AddUserToGroupRequest{AddUserToGroupDetails: identity.AddUserToGroupDetails{
		UserId: user, GroupId: group,
	}}))
	pair := must(rsa.GenerateKey(rand.Reader, 2048))
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(&pair.PublicKey))})
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(pair)})
	apiKey := must(people.UploadApiKey(ctx, identity.UploadApiKeyRequest{
		UserId: user, CreateApiKeyDetails: identity.CreateApiKeyDetails{Key: common.String(string(public))},
	}))
	shop := common.NewRawConfigurationProvider(tenancy, *user, region, *apiKey.Fingerprint, string(private), nil)

	secret := base64.StdEncoding.EncodeToString([]byte("4111 1111"))
	encrypt := func(endpoint string) (*string, error) {
		client := must(keymanagement.NewKmsCryptoClientWithConfigurationProvider(shop, endpoint))
		client.SetCustomClientConfiguration(common.CustomClientConfiguration{RetryPolicy: noRetry()})
		made, err := client.Encrypt(ctx, keymanagement.EncryptRequest{
			EncryptDataDetails: keymanagement.EncryptDataDetails{KeyId: key.Id, Plaintext: &secret},
		})
		return made.Ciphertext, err
	}
	decrypt := func(endpoint string, ciphertext *string) (*string, error) {
		client := must(keymanagement.NewKmsCryptoClientWithConfigurationProvider(shop, endpoint))
		client.SetCustomClientConfiguration(common.CustomClientConfiguration{RetryPolicy: noRetry()})
		opened, err := client.Decrypt(ctx, keymanagement.DecryptRequest{
			DecryptDataDetails: keymanagement.DecryptDataDetails{KeyId: key.Id, Ciphertext: ciphertext},
		})
		return opened.Plaintext, err
	}
	for _, endpoint := range []string{*vault.CryptoEndpoint, replicaCrypto} {
		_, err := encrypt(endpoint)
		refused(err, "without a statement")
	}
	id := policy("shops", "Allow group Shops to use keys in tenancy where request.operation = 'Encrypt'")
	made := must(encrypt(*vault.CryptoEndpoint))
	must(encrypt(replicaCrypto))
	for _, endpoint := range []string{*vault.CryptoEndpoint, replicaCrypto} {
		_, err := decrypt(endpoint, made)
		refused(err, "for Decrypt")
	}
	must(people.UpdatePolicy(ctx, identity.UpdatePolicyRequest{PolicyId: id, UpdatePolicyDetails: identity.UpdatePolicyDetails{
		Statements: []string{"Allow group Shops to use keys in tenancy"},
	}}))
	for _, endpoint := range []string{*vault.CryptoEndpoint, replicaCrypto} {
		if *must(decrypt(endpoint, made)) != secret {
			log.Fatal("It does not open.")
		}
	}
	// The user itself may not do what no statement grants.
	mine := must(identity.NewIdentityClientWithConfigurationProvider(shop))
	mine.Host = other
	mine.SetCustomClientConfiguration(common.CustomClientConfiguration{RetryPolicy: noRetry()})
	_, err := mine.ListUsers(ctx, identity.ListUsersRequest{CompartmentId: &tenancy})
	refused(err, "for ListUsers")
	if _, err := mine.GetUser(ctx, identity.GetUserRequest{UserId: user}); err != nil {
		log.Fatal(err)
	}
	must(people.DeleteApiKey(ctx, identity.DeleteApiKeyRequest{UserId: user, Fingerprint: apiKey.Fingerprint}))
	for _, endpoint := range []string{*vault.CryptoEndpoint, replicaCrypto} {
		_, err := encrypt(endpoint)
		if failure, ok := common.IsServiceError(err); !ok || failure.GetHTTPStatusCode() != http.StatusUnauthorized {
			log.Fatal("a revoked key still signs: ", err)
		}
	}
	fmt.Println("granted and refused as the policies say, in both regions")
}

// After a change OCI's client asks again for minutes where it is refused by 404, because OCI is only eventually consistent.
func noRetry() *common.RetryPolicy {
	policy := common.NoRetryPolicy()
	return &policy
}

func refused(err error, what string) {
	failure, ok := common.IsServiceError(err)
	if !ok || failure.GetHTTPStatusCode() != http.StatusNotFound || failure.GetCode() != "NotAuthorizedOrNotFound" {
		log.Fatalf("not refused %s: %v", what, err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
