"""Whole scripts of several networks and losses, in both update modes, step by step against plain torch."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch_nets import shaken_copy
from torch_twins import SHAPE, compare, cross_entropy, digit_batch, digit_net, state_of

import n2d2
import pytorch_interoperability as interop
from n2d2 import errors

MODES = ("n2d2", "torch")


class Team:
    """The networks of a script; `ours` are Blocks. What a script calls `step` does nothing where n2d2 has updated already."""

    def __init__(self, nets: list[nn.Module], rate: float, shapes: list[tuple[int, ...]] | None = None, update: str = "torch") -> None:
        self.is_ours, self.update = shapes is not None, update
        solver = n2d2.solver.SGD(rate, 0.5, form="torch") if update == "n2d2" else None
        self.nets = [interop.wrap(n, s, update=update, solver=solver) for n, s in zip(nets, shapes, strict=True)] if shapes else nets
        self.optimizers = [torch.optim.SGD(net.parameters(), rate, momentum=0.5) for net in self.nets]

    def zero_grad(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self, *which: int) -> None:
        for i in which or range(len(self.nets)):
            self.optimizers[i].step()


def assert_alike(script, make, shapes, update, rate=0.05):
    nets = make()
    ours, twins = [copy.deepcopy(n) for n in nets], [shaken_copy(n) for n in nets]
    compare([script(Team(ours, rate, shapes, update)), script(Team(nets, rate)), script(Team(twins, rate))])


def generator_and_discriminator():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(5, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())
    return [generator, nn.Sequential(nn.Linear(64, 24), nn.LeakyReLU(0.2), nn.Linear(24, 1))]


@pytest.mark.parametrize("update", MODES)
def test_gan(update):
    """The discriminator is frozen while the generator learns, which n2d2 updates need and torch's allow."""

    def script(team):
        generator, discriminator = team.nets
        for i in range(5):
            real, noise = digit_batch(i)[0].flatten(1), torch.randn(12, 5)
            ones, zeros = torch.ones(12, 1), torch.zeros(12, 1)
            fake = generator(noise)
            team.zero_grad()
            loss = F.binary_cross_entropy_with_logits(discriminator(real), ones)
            (loss + F.binary_cross_entropy_with_logits(discriminator(fake.detach()), zeros)).backward()
            team.step(1)
            discriminator.requires_grad_(False)
            team.zero_grad()
            F.binary_cross_entropy_with_logits(discriminator(fake), ones).backward()
            team.step(0)
            discriminator.requires_grad_(True)
            yield state_of(*team.nets)

    assert_alike(script, generator_and_discriminator, [(12, 5), (12, 64)], update)


def test_gan_that_does_not_freeze():
    """update="torch" also gives the discriminator gradients, which its zero_grad drops; n2d2 updates would train it (said in the guide)."""

    def script(team):
        generator, discriminator = team.nets
        for i in range(4):
            real, noise = digit_batch(i)[0].flatten(1), torch.randn(12, 5)
            ones, zeros = torch.ones(12, 1), torch.zeros(12, 1)
            team.zero_grad()
            F.binary_cross_entropy_with_logits(discriminator(real), ones).backward()
            fake = generator(noise)
            F.binary_cross_entropy_with_logits(discriminator(fake.detach()), zeros).backward()
            team.step(1)
            team.zero_grad()
            F.binary_cross_entropy_with_logits(discriminator(fake), ones).backward()
            team.step(0)
            yield state_of(*team.nets)

    assert_alike(script, generator_and_discriminator, [(12, 5), (12, 64)], "torch")


@pytest.mark.parametrize("update", MODES)
def test_freezing_in_every_step_builds_no_plan_twice(update):
    _, discriminator = generator_and_discriminator()
    block = interop.wrap(discriminator, (12, 64), update=update)
    x = digit_batch(0)[0].flatten(1).requires_grad_()
    made = []
    for _ in range(4):
        for on in (False, True):
            block.requires_grad_(on)
            block(x).sum().backward()
            made.append(block._engine().network.plans_made)
    assert made[2:] == [made[1]] * 6


@pytest.mark.parametrize("update", MODES)
def test_siamese(update):
    def script(team):
        (net,) = team.nets
        for i in range(4):
            (x1, y1), (x2, y2) = digit_batch(i), digit_batch(i + 9)
            team.zero_grad()
            a, b = net(x1), net(x2)
            distance = (a - b).square().sum(1)
            same = (y1 == y2).float()
            (same * distance + (1 - same) * F.relu(2.0 - distance.sqrt()).square()).mean().backward()
            team.step()
            anchor, positive, negative = net(x1), net(x1.flip(0)), net(x2)
            team.zero_grad()
            F.triplet_margin_loss(anchor, positive, negative).backward()
            team.step()
            yield state_of(net)

    assert_alike(script, lambda: [digit_net()], [SHAPE], update)


def trunk_and_heads():
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(216, 20), nn.Tanh())
    return [trunk, nn.Linear(20, 10), nn.Sequential(nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 1))]


HEADS = [SHAPE, (12, 20), (12, 20)]


@pytest.mark.parametrize("update", MODES)
def test_several_tasks(update):
    def script(team):
        trunk, classes, parity = team.nets
        for i in range(4):
            x, y = digit_batch(i)
            team.zero_grad()
            features = trunk(x)
            odd = (y % 2).float()[:, None]
            loss = cross_entropy(classes(features), y) + 0.3 * F.binary_cross_entropy_with_logits(parity(features), odd)
            loss.backward()
            team.step()
            yield state_of(*team.nets)

    assert_alike(script, trunk_and_heads, HEADS, update)


def two_losses(team, i):
    trunk, classes, parity = team.nets
    x, y = digit_batch(i)
    features = trunk(x)
    return cross_entropy(classes(features), y), F.binary_cross_entropy_with_logits(parity(features), (y % 2).float()[:, None])


def test_several_tasks_with_a_backward_each():
    def script(team):
        for i in range(3):
            team.zero_grad()
            first, second = two_losses(team, i)
            first.backward(retain_graph=True)
            second.backward()
            team.step()
            yield state_of(*team.nets)

    assert_alike(script, trunk_and_heads, HEADS, "torch")


def test_several_tasks_with_a_backward_each_need_torch_updates():
    team = Team(trunk_and_heads(), 0.05, HEADS, "n2d2")
    first, second = two_losses(team, 0)
    first.backward(retain_graph=True)
    with pytest.raises(errors.StateError, match=r'sum the losses and call backward once, or wrap with update="torch"'):
        second.backward()
    sum(two_losses(team, 1)).backward()


def actor_and_critic():
    torch.manual_seed(0)
    return [nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2)), nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))]


@pytest.mark.parametrize("update", MODES)
def test_actor_and_critic(update):
    """An episode of single states, each with its forward; one backward at its end."""

    def script(team):
        actor, critic = team.nets
        for episode in range(4):
            state, terms = torch.randn(1, 4), []
            for t in range(6 + episode):
                probabilities = torch.distributions.Categorical(logits=actor(state))
                action = torch.tensor([(episode + t) % 2])
                terms.append((probabilities.log_prob(action), critic(state).squeeze(1), probabilities.entropy()))
                state = 0.9 * state + 0.1 * torch.randn(1, 4) + 0.2 * action
            returns = torch.linspace(1.0, -0.5, len(terms))
            log_probs, values, entropies = (torch.cat(part) for part in zip(*terms, strict=True))
            advantage = returns - values
            loss = -(log_probs * advantage.detach()).mean() + advantage.square().mean() - 0.01 * entropies.mean()
            team.zero_grad()
            loss.backward()
            team.step()
            yield state_of(*team.nets)

    assert_alike(script, actor_and_critic, [(1, 4), (1, 4)], update)


@pytest.mark.parametrize("update", MODES)
def test_value_learning_with_a_target_network(update):
    """The target is a copy that follows slowly and never learns itself."""

    def script(team):
        (net,) = team.nets
        target = copy.deepcopy(net).requires_grad_(False)
        for i in range(6):
            state, following = torch.randn(16, 4), torch.randn(16, 4)
            action, reward = torch.arange(16) % 2, torch.randn(16)
            with torch.no_grad():
                wanted = reward + 0.9 * target(following).max(1).values
            team.zero_grad()
            F.smooth_l1_loss(net(state).gather(1, action[:, None]).squeeze(1), wanted).backward()
            team.step()
            with torch.no_grad():
                for slow, fast in zip(target.parameters(), net.parameters(), strict=True):
                    if i % 2:
                        slow.data.mul_(0.9).add_(fast.data, alpha=0.1)
                    else:
                        slow.lerp_(fast, 0.2)
            if i == 3:
                target.load_state_dict(net.state_dict())
            yield state_of(net, target)

    assert_alike(script, lambda: actor_and_critic()[:1], [(16, 4)], update)


@pytest.mark.parametrize("update", MODES)
def test_distillation_and_adversarial_examples(update):
    """A frozen teacher, and inputs moved along their gradient, which autograd.grad takes without training."""

    def script(team):
        student, teacher = team.nets
        teacher.eval().requires_grad_(False)
        for i in range(4):
            x, y = digit_batch(i)
            x = x.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(cross_entropy(student(x), y), x)
            moved = (x + 0.1 * gradient.sign()).detach()
            team.zero_grad()
            out = student(moved)
            soft = F.kl_div(F.log_softmax(out / 2, 1), F.softmax(teacher(moved) / 2, 1), reduction="batchmean")
            (soft + cross_entropy(out, y)).backward()
            team.step(0)
            yield state_of(*team.nets)

    assert_alike(script, lambda: [digit_net(), digit_net(1)], [SHAPE, SHAPE], update)
