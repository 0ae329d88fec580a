#include "driver/settings.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>

#include "driver/driver.hpp"
#include "driver/failure.hpp"
#include "options.hpp"

namespace quern::driver::test {
namespace {

class Variable {
  public:
    Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
    ~Variable() { unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    const char* name_;
};

TEST(Settings, AreReadFromTheEnvironment) {
    const Variable device("QUERN_EMULATOR_DEVICE", "sm_75");
    const Variable memory("QUERN_EMULATOR_MEMORY", "6g");
    const Variable streams("QUERN_EMULATOR_STREAMS", "eager");
    const Variable launch("QUERN_EMULATOR_LAUNCH", "discard");
    const Settings settings = Settings::fromEnvironment();
    EXPECT_EQ(75, settings.capability);
    EXPECT_EQ(6442450944u, settings.memoryBytes);
    EXPECT_TRUE(settings.eagerStreams);
    EXPECT_TRUE(settings.discardLaunches);
}

TEST(Settings, ChecksAreOneOrAListOfThem) {
    const auto read = [](const char* value) {
        const Variable checks("QUERN_EMULATOR_CHECKS", value);
        return emulator::Options::fromEnvironment();
    };
    EXPECT_TRUE(read("on").checks);
    EXPECT_FALSE(read("on").races || read("on").uninitialised);
    EXPECT_FALSE(read("off").checks);
    EXPECT_TRUE(read("all").checks && read("all").races && read("all").uninitialised);
    EXPECT_TRUE(read("memory,races").races);
    EXPECT_FALSE(read("memory,races").uninitialised);
    EXPECT_THROW(read("memory,race"), std::invalid_argument);
    EXPECT_THROW(read("memory,"), std::invalid_argument);
}

TEST(Settings, RefuseWhatTheyDoNotKnow) {
    for (const auto& [name, value] : {std::pair{"QUERN_EMULATOR_DEVICE", "sm_61"},
                                      {"QUERN_EMULATOR_DEVICE", "80"},
                                      {"QUERN_EMULATOR_MEMORY", "lots"},
                                      {"QUERN_EMULATOR_MEMORY", "g"},
                                      {"QUERN_EMULATOR_MEMORY", "999999t"},
                                      {"QUERN_EMULATOR_STREAMS", "later"}}) {
        const Variable variable(name, value);
        try {
            Settings::fromEnvironment();
            ADD_FAILURE() << name << "=" << value << " was accepted";
        } catch (const std::invalid_argument& refused) {
            EXPECT_NE(std::string::npos, std::string(refused.what()).find(name)) << refused.what();
        }
    }
}

TEST(Settings, WhatIsRefusedIsLogged) {
    Driver& driver = Driver::instance();
    const std::lock_guard<std::mutex> guard(driver.mutex);
    {
        const Variable log("QUERN_EMULATOR_LOG", "on");
        const Variable schedule("QUERN_EMULATOR_SCHEDULE", "sideways");
        EXPECT_THROW(driver.readSettings(), Failure);
    }
    ::testing::internal::CaptureStderr();
    driver.keepReport("the refusal");
    EXPECT_NE(std::string::npos, ::testing::internal::GetCapturedStderr().find("the refusal"));
    driver.readSettings();
    driver.forgetReports();
}

}  // namespace
}  // namespace quern::driver::test
