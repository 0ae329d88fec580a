package io.quern.bench;

import picocli.CommandLine.Command;

@Command(name = "doctor")
final class Doctor implements Runnable {
    @Override
    public void run() {}
}
