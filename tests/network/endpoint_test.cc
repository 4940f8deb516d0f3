#include "network/endpoint.h"

#include <gtest/gtest.h>

namespace copse::base::internal {
namespace {

TEST(EndpointTest, AUnixEndpointHasAnAbsolutePath) {
  const auto endpoint = ParseEndpoint("unix:/run/a:b");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_TRUE(endpoint->is_unix);
  EXPECT_EQ(endpoint->path, "/run/a:b");
}

TEST(EndpointTest, ATcpEndpointHasHostAndPort) {
  const auto endpoint = ParseEndpoint("tcp:example.org:4040");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_FALSE(endpoint->is_unix);
  EXPECT_EQ(endpoint->host, "example.org");
  EXPECT_EQ(endpoint->port, "4040");
}

TEST(EndpointTest, HostAndPortAloneAreATcpEndpoint) {
  const auto endpoint = ParseEndpoint("[::1]:4040");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_FALSE(endpoint->is_unix);
  EXPECT_EQ(endpoint->host, "::1");
  EXPECT_EQ(endpoint->port, "4040");
  EXPECT_TRUE(ParseEndpoint("example.org:1").ok());
}

TEST(EndpointTest, AnIpv6AddressStandsInBracketsAndKeepsThemInItsText) {
  const auto endpoint = ParseEndpoint("tcp:[fe80::1]:80");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->host, "fe80::1");
  EXPECT_EQ(TcpEndpoint(endpoint->host, 80), "tcp:[fe80::1]:80");
  EXPECT_EQ(TcpEndpoint("localhost", 1), "tcp:localhost:1");
}

TEST(EndpointTest, EverythingElseIsRefused) {
  for (const char* text :
       {"", "unix:", "unix:/", "unix:a", "unix:/dir/", "tcp:", "tcp:a", "tcp::1", "tcp:a:", "tcp:a:x", "tcp:a:65536",
        "tcp:a:-1", "tcp:a:123456", "tcp:fe80::1:80", "http:a:1", "host", ":1", "a:"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseEndpoint(text).status())) << text;
  }
}

}  // namespace
}  // namespace copse::base::internal
