// The native half of io.quern.emulator.Emulator.
#include <jni.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "driver/driver.hpp"

#define QUERN_JNI(NAME) extern "C" JNIEXPORT NAME JNICALL

using quern::driver::Driver;
using quern::driver::Failure;

namespace {

void throwJava(JNIEnv* env, const char* type, const std::string& message) {
    const jclass exception = env->FindClass(type);
    if (exception != nullptr) env->ThrowNew(exception, message.c_str());
}

std::string textOf(JNIEnv* env, jstring string) {
    const char* const chars = env->GetStringUTFChars(string, nullptr);
    if (chars == nullptr) return {};
    const std::string text = chars;
    env->ReleaseStringUTFChars(string, chars);
    return text;
}

template <class Text>
jstring read(JNIEnv* env, Text text) {
    Driver& driver = Driver::instance();
    std::string result;
    {
        const std::lock_guard<std::mutex> guard(driver.mutex);
        result = text(driver);
    }
    return env->NewStringUTF(result.c_str());
}

}  // namespace

// One setting, by the name of its environment variable: what a program sets and what its environment sets cannot differ.
QUERN_JNI(void) Java_io_quern_emulator_Emulator_configure(JNIEnv* env, jclass, jstring name, jstring value) {
    const std::string variable = textOf(env, name);
    const std::string setting = textOf(env, value);
    Driver& driver = Driver::instance();
    const std::lock_guard<std::mutex> guard(driver.mutex);
    if (driver.initialised && (variable == "QUERN_EMULATOR_DEVICE" || variable == "QUERN_EMULATOR_MEMORY")) {
        const char* const now = std::getenv(variable.c_str());
        if (now != nullptr && setting == now) return;
        throwJava(env, "java/lang/IllegalStateException",
                  variable + "=" + setting + " comes after cuInit: the device has been presented");
        return;
    }
    const char* const before = std::getenv(variable.c_str());
    const std::string previous = before == nullptr ? "" : before;
    setenv(variable.c_str(), setting.c_str(), 1);
    try {
        driver.readSettings();
    } catch (const Failure& wrong) {
        setenv(variable.c_str(), previous.c_str(), 1);  // an empty value is as none
        throwJava(env, "java/lang/IllegalArgumentException", wrong.message());
    }
}

QUERN_JNI(jstring) Java_io_quern_emulator_Emulator_nativeReport(JNIEnv* env, jclass) {
    return read(env, [](const Driver& driver) { return driver.report(); });
}

QUERN_JNI(jstring) Java_io_quern_emulator_Emulator_nativeCounters(JNIEnv* env, jclass) {
    return read(env, [](const Driver& driver) { return driver.launches.lines(); });
}

QUERN_JNI(jstring) Java_io_quern_emulator_Emulator_nativeCountersJson(JNIEnv* env, jclass) {
    return read(env, [](const Driver& driver) { return driver.launches.json(); });
}

QUERN_JNI(jstring) Java_io_quern_emulator_Emulator_nativeListing(JNIEnv* env, jclass, jstring kernel) {
    const std::string name = textOf(env, kernel);
    return read(env, [&name](const Driver& driver) { return driver.launches.listing(name); });
}

// One leak a line.
QUERN_JNI(jstring) Java_io_quern_emulator_Emulator_nativeLeaks(JNIEnv* env, jclass) {
    return read(env, [](const Driver& driver) {
        std::string lines;
        for (const std::string& leak : driver.leaks()) lines += leak + "\n";
        return lines;
    });
}

QUERN_JNI(void)
Java_io_quern_emulator_Emulator_nativeRegisters(JNIEnv* env, jclass, jstring ptx, jobjectArray kernels,
                                                jintArray counts) {
    const std::uint64_t module = quern::driver::contentHash(textOf(env, ptx));
    const jsize count = env->GetArrayLength(kernels);
    std::vector<jint> registers(static_cast<std::size_t>(count));
    env->GetIntArrayRegion(counts, 0, count, registers.data());
    Driver& driver = Driver::instance();
    for (jsize i = 0; i < count; i++) {
        const jobject kernel = env->GetObjectArrayElement(kernels, i);
        const std::string name = textOf(env, static_cast<jstring>(kernel));
        env->DeleteLocalRef(kernel);
        const std::lock_guard<std::mutex> guard(driver.mutex);
        driver.registers.set(module, name,
                             static_cast<std::uint32_t>(registers[static_cast<std::size_t>(i)]));
    }
}

QUERN_JNI(void)
Java_io_quern_emulator_Emulator_nativeFailNext(JNIEnv*, jclass, jint kind, jlong n, jint result) {
    Driver& driver = Driver::instance();
    const std::lock_guard<std::mutex> guard(driver.mutex);
    driver.faults.failNext(static_cast<quern::driver::CallKind>(kind), static_cast<std::uint64_t>(n),
                           static_cast<CUresult>(result));
}

QUERN_JNI(jlong) Java_io_quern_emulator_Emulator_nativeCalls(JNIEnv*, jclass, jint kind) {
    Driver& driver = Driver::instance();
    const std::lock_guard<std::mutex> guard(driver.mutex);
    return static_cast<jlong>(driver.faults.calls(static_cast<quern::driver::CallKind>(kind)));
}

QUERN_JNI(void) Java_io_quern_emulator_Emulator_nativeReset(JNIEnv*, jclass) {
    Driver& driver = Driver::instance();
    const std::lock_guard<std::mutex> guard(driver.mutex);
    driver.forgetReports();
    for (const auto& context : driver.handles.all<quern::driver::Context>()) {
        context->error = CUDA_SUCCESS;
        context->errorMessage.clear();
    }
}
