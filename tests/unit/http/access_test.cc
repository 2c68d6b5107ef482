#include "net/http/access.h"

#include <gtest/gtest.h>

namespace duolog::http {
namespace {

const AccessPolicy kLoopback{.listen_address = "127.0.0.1",
                             .host_names = {"duolog.example.com"},
                             .allowed_origins = {"https://app.example.com", "http://[::1]:3000"}};

bool host(std::string_view text, const AccessPolicy& policy = kLoopback) {
  return host_allowed(text, policy);
}

bool origin(std::string_view text, std::string_view host_text = "localhost:8080") {
  return origin_allowed(text, host_text, kLoopback);
}

TEST(HostTest, AllowsTheListenersAddressLocalhostAndConfiguredNames) {
  EXPECT_TRUE(host("127.0.0.1"));
  EXPECT_TRUE(host("127.0.0.1:8080"));
  EXPECT_TRUE(host("localhost:9999"));
  EXPECT_TRUE(host("LocalHost"));
  EXPECT_TRUE(host("Duolog.Example.com:443"));
}

TEST(HostTest, RefusesOtherNamesAndAddresses) {
  for (const char* text :
       {"", "evil.com", "localhost.evil.com", "evil-localhost", "xduolog.example.com",
        "duolog.example.com.evil.com", "127.0.0.1.evil.com", "127.0.0.2", "10.0.0.1", "[::1]",
        "localhost.", "127.1", "2130706433", "0x7f.0.0.1"}) {
    EXPECT_FALSE(host(text)) << text;
  }
}

TEST(HostTest, RefusesWhatIsNotAHost) {
  for (const char* text : {"localhost:", "localhost:0", "localhost:65536", "localhost:80a",
                           "user@localhost", "localhost/", "local host", "localhost:80:80", "[::1",
                           "[localhost]", "::1", "[127.0.0.1]", "localhost,evil.com", "[]"}) {
    EXPECT_FALSE(host(text)) << text;
  }
}

TEST(HostTest, AllowsEveryAddressLiteralButNoNameOnAWildcardListener) {
  const AccessPolicy four{.listen_address = "0.0.0.0", .host_names = {}, .allowed_origins = {}};
  EXPECT_TRUE(host("192.168.1.7:8080", four));
  EXPECT_FALSE(host("evil.com", four));
  const AccessPolicy six{.listen_address = "::", .host_names = {}, .allowed_origins = {}};
  EXPECT_TRUE(host("[fe80::1]:8080", six));
  EXPECT_FALSE(host("evil.com", six));
  EXPECT_TRUE(host("192.168.1.7", six)) << "a dual-stack listener is reached by IPv4 too";
}

TEST(HostTest, ComparesIpv6AddressesNotTheirText) {
  const AccessPolicy policy{.listen_address = "::1", .host_names = {}, .allowed_origins = {}};
  EXPECT_TRUE(host("[::1]", policy));
  EXPECT_TRUE(host("[0:0:0:0:0:0:0:1]:8080", policy));
  EXPECT_FALSE(host("[::2]", policy));
}

TEST(OriginTest, AllowsTheSameHostPortAndScheme) {
  EXPECT_TRUE(origin("http://localhost:8080"));
  EXPECT_TRUE(origin("HTTP://LOCALHOST:8080"));
  EXPECT_TRUE(origin("http://localhost", "localhost"));
  EXPECT_TRUE(origin("http://localhost:80", "localhost"));
  EXPECT_TRUE(origin("http://[::1]:8080", "[0::1]:8080"));
}

TEST(OriginTest, AllowsWhatIsOnTheList) {
  EXPECT_TRUE(origin("https://app.example.com"));
  EXPECT_TRUE(origin("https://app.example.com:443"));
  EXPECT_TRUE(origin("http://[::1]:3000"));
}

TEST(OriginTest, RefusesNull) {
  EXPECT_FALSE(origin("null"));
  EXPECT_FALSE(origin(""));
}

TEST(OriginTest, RefusesPrefixAndSuffixTricks) {
  for (const char* text :
       {"http://localhost:8080.evil.com", "http://localhost.evil.com:8080",
        "http://evil-localhost:8080", "http://xlocalhost:8080", "http://localhos:8080",
        "https://app.example.com.evil.com", "https://evilapp.example.com", "https://example.com",
        "https://x.app.example.com", "https://app.example.comx", "https://app_example.com"}) {
    EXPECT_FALSE(origin(text)) << text;
  }
}

TEST(OriginTest, RefusesPortTricks) {
  for (const char* text :
       {"http://localhost", "http://localhost:80", "http://localhost:808", "http://localhost:80800",
        "http://localhost:08080x", "http://localhost:8080:8080",
        "http://localhost:", "https://app.example.com:8443", "http://localhost:8081"}) {
    EXPECT_FALSE(origin(text)) << text;
  }
}

TEST(OriginTest, RefusesSchemeTricks) {
  for (const char* text :
       {"https://localhost:8080", "ws://localhost:8080", "file://localhost:8080", "localhost:8080",
        "//localhost:8080", "http:localhost:8080", "http:/localhost:8080", "javascript:alert(1)",
        "http://app.example.com", "chrome-extension://abcdef", "httpx://localhost:8080"}) {
    EXPECT_FALSE(origin(text)) << text;
  }
}

TEST(OriginTest, RefusesUserInformationPathsAndWhiteSpace) {
  for (const char* text :
       {"http://localhost:8080@evil.com", "http://localhost@evil.com",
        "http://evil.com@localhost:8080", "http://localhost:8080/", "http://localhost:8080/evil",
        "http://localhost:8080?x", "http://localhost:8080#x",
        "http://localhost:8080 http://evil.com", " http://localhost:8080",
        "http://localhost%00.evil.com:8080", "http://localhost\\@evil.com"}) {
    EXPECT_FALSE(origin(text)) << text;
  }
}

TEST(OriginTest, LetsInWhatAnAppOrAPageWithoutOriginSendsOnceItIsOnTheList) {
  const std::string_view known[] = {
      "capacitor://localhost", "file://", "chrome-extension://abcdef", "app://-", "null",
      "tauri://localhost:1420"};
  for (const std::string_view entry : known) {
    const AccessPolicy policy{
        .listen_address = "127.0.0.1", .host_names = {}, .allowed_origins = {std::string(entry)}};
    for (const std::string_view text : known) {
      EXPECT_FALSE(origin(text)) << text;
      EXPECT_EQ(origin_allowed(text, "localhost", policy), text == entry)
          << text << " by " << entry;
    }
    for (const char* text : {"", "file:///", "capacitor://localhost:80", "capacitor://evil.com",
                             "NULL", "app://", "tauri://localhost"}) {
      EXPECT_FALSE(origin_allowed(text, "localhost", policy)) << text << " by " << entry;
    }
  }
}

TEST(OriginTest, LetsEverythingInWhereTheListHoldsAStar) {
  const AccessPolicy policy{
      .listen_address = "127.0.0.1", .host_names = {}, .allowed_origins = {"*"}};
  for (const char* text : {"https://evil.com", "null", "file://", "", "what ever"}) {
    EXPECT_TRUE(origin_allowed(text, "localhost", policy)) << text;
  }
}

TEST(OriginTest, KnowsEntriesThatCanNeverMatch) {
  for (const char* entry : {"*", "null", "https://app.example.com", "http://[::1]:3000", "file://",
                            "capacitor://localhost", "app://-", "HTTPS://App.Example.com:444"}) {
    EXPECT_TRUE(check_allowed_origin(entry)) << entry;
  }
  for (const char* entry :
       {"app.example.com", "https://app.example.com/", "https://app.example.com/x",
        "https://*.example.com", "https://", "https://app.example.com:0", "http://[::x]",
        "http://[1:2]", "https://user@app.example.com", "NULL", "wss://app.example.com", "://x",
        "1app://x", "https://app.example.com:99999", "javascript:alert(1)"}) {
    const auto checked = check_allowed_origin(entry);
    ASSERT_FALSE(checked) << entry;
    EXPECT_TRUE(checked.error().message.contains("'" + std::string(entry) + "'"));
  }
}

TEST(HostTest, KnowsEntriesThatCanNeverMatch) {
  EXPECT_TRUE(check_host_name("duolog.example.com"));
  EXPECT_TRUE(check_host_name("duolog_1"));
  for (const char* entry : {"http://duolog.example.com", "*", "*.example.com", "::1", "[x]",
                            "[1:2]", "a/b", "a:b", ""}) {
    EXPECT_FALSE(check_host_name(entry)) << entry;
  }
}

TEST(HostTest, AllowsAddressesOfTheListAndNoMindOfItsPorts) {
  const AccessPolicy policy{.listen_address = "127.0.0.1",
                            .host_names = {"192.0.2.1", "[2001:db8::1]", "a.example:8080"},
                            .allowed_origins = {}};
  for (const char* text : {"192.0.2.1", "192.0.2.1:80", "[2001:db8:0::1]:80", "a.example",
                           "a.example:9999", "127.0.0.1"}) {
    EXPECT_TRUE(host(text, policy)) << text;
  }
  EXPECT_FALSE(host("192.0.2.2", policy));
  EXPECT_FALSE(host("[2001:db8::2]", policy));
}

TEST(OriginTest, WantsHttpsOfAServerThatSpeaksTls) {
  const AccessPolicy tls{
      .listen_address = "127.0.0.1", .host_names = {}, .allowed_origins = {}, .tls = true};
  EXPECT_TRUE(origin_allowed("https://localhost", "localhost", tls));
  EXPECT_TRUE(origin_allowed("https://localhost", "localhost:443", tls));
  EXPECT_FALSE(origin_allowed("http://localhost", "localhost", tls));
}

TEST(AccessTest, LetsAClientInThatIsNoBrowser) {
  Request request;
  request.fields = {{"Host", "localhost:8080"}};
  EXPECT_FALSE(check_access(request, kLoopback));
}

TEST(AccessTest, RefusesForeignHostsAndOrigins) {
  Request request;
  EXPECT_EQ(check_access(request, kLoopback)->status, 400);
  request.fields = {{"Host", "evil.com"}};
  EXPECT_EQ(check_access(request, kLoopback)->status, 403);
  request.fields = {{"Host", "localhost:8080"}, {"origin", "http://evil.com"}};
  EXPECT_EQ(check_access(request, kLoopback)->status, 403);
  request.fields = {{"Host", "localhost:8080"}, {"Origin", "http://localhost:8080"}};
  EXPECT_FALSE(check_access(request, kLoopback));
}

TEST(AccessTest, TakesTheHostOfAUrlInsteadOfTheHeader) {
  Request request;
  request.fields = {{"Host", "localhost:8080"}};
  request.target = *parse_target("http://evil.com/");
  EXPECT_EQ(check_access(request, kLoopback)->status, 403);
  request.fields = {{"Host", "evil.com"}, {"Origin", "http://localhost:8080"}};
  request.target = *parse_target("http://localhost:8080/");
  EXPECT_FALSE(check_access(request, kLoopback));
}

TEST(AccessTest, RefusesTwoOrigins) {
  Request request;
  request.fields = {{"Host", "localhost:8080"},
                    {"Origin", "http://localhost:8080"},
                    {"Origin", "http://evil.com"}};
  EXPECT_EQ(check_access(request, kLoopback)->status, 400);
}

}  // namespace
}  // namespace duolog::http
