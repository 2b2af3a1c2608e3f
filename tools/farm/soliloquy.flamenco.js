// A job list on Flamenco 3: put this file into the Manager's folder "scripts", and submit a job of this type.
// The program "soliloquy" must be on the workers' PATH, or the setting "program" names it; a variable of Flamenco,
// such as {soliloquy}, may stand there.

const JOB_TYPE = {
    label: "Soliloquy job list",
    description: "Make the takes of a list of sounds and portraits",
    settings: [
        { key: "list", type: "string", subtype: "file_path", required: true,
          description: "Job list (CSV or JSON) in a folder that all workers see" },
        { key: "jobs", type: "int32", required: true, default: 1, description: "Number of jobs in the list" },
        { key: "jobs_each", type: "int32", default: 5, description: "Number of jobs that one task makes" },
        { key: "device", type: "string", default: "auto", choices: ["auto", "cpu", "cuda"],
          description: "Where the networks run" },
        { key: "program", type: "string", default: "soliloquy", description: "The program on the workers" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    if (settings.jobs < 1 || settings.jobs_each < 1) {
        throw "jobs and jobs_each must be at least 1";
    }
    const collect = author.Task("collect", "misc");
    collect.addCommand(author.Command("exec", { exe: settings.program, args: ["collect", settings.list] }));
    for (let first = 1; first <= settings.jobs; first += settings.jobs_each) {
        const last = Math.min(first + settings.jobs_each - 1, settings.jobs);
        const task = author.Task(`takes-${first}-${last}`, "misc");
        task.addCommand(author.Command("exec", {
            exe: settings.program,
            args: ["batch", settings.list, "--lines", `${first}-${last}`, "--device", settings.device],
        }));
        job.addTask(task);
        collect.addDependency(task);
    }
    job.addTask(collect);
}
