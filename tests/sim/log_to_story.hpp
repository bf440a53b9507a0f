#pragma once

// The agents' log lines become lines of the story that is being told.

namespace sim {

class world;

// Takes over spdlog's default logger, for good.
void log_to_story();

// Whose world is running; restores the one before.
class told_in {
public:
    explicit told_in(world& which);
    ~told_in();
    told_in(const told_in&) = delete;
    told_in& operator=(const told_in&) = delete;

private:
    world* before_;
};

} // namespace sim
