/*
 * cpp_virtual: C++ as people write it: virtual calls over a vector of owned objects, ordered and
 * hashed maps, sorting with a lambda, strings.
 * Size: thousands of objects. Shows: call_indirect, the standard library's containers, operator new.
 */
#include "bench.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

class Shape {
public:
    virtual ~Shape() = default;
    virtual double area() const = 0;
    virtual void grow(double by) = 0;
    virtual const char *name() const = 0;
};

class Circle final : public Shape {
public:
    explicit Circle(double r) : radius(r) {}
    double area() const override { return 3.141592653589793 * radius * radius; }
    void grow(double by) override { radius += by; }
    const char *name() const override { return "circle"; }

private:
    double radius;
};

class Rectangle : public Shape {
public:
    Rectangle(double w, double h) : width(w), height(h) {}
    double area() const override { return width * height; }
    void grow(double by) override { width += by; height += by / 2; }
    const char *name() const override { return "rectangle"; }

protected:
    double width, height;
};

class Frame final : public Rectangle {
public:
    using Rectangle::Rectangle;
    double area() const override { return width * height - (width - 1) * (height - 1); }
    const char *name() const override { return "frame"; }
};

class Triangle final : public Shape {
public:
    Triangle(double b, double h) : base(b), height(h) {}
    double area() const override { return base * height / 2; }
    void grow(double by) override { height += by; }
    const char *name() const override { return "triangle"; }

private:
    double base, height;
};

std::unique_ptr<Shape> make_shape(std::uint32_t r)
{
    const double a = 1 + r % 64, b = 1 + r / 64 % 64;

    switch (r >> 30) {
    case 0:
        return std::make_unique<Circle>(a);
    case 1:
        return std::make_unique<Rectangle>(a, b);
    case 2:
        return std::make_unique<Frame>(a, b);
    default:
        return std::make_unique<Triangle>(a, b);
    }
}

struct Result {
    double area = 0;
    std::size_t distinct = 0;
    std::uint64_t digest = 0;
    std::string line;
} result;

std::uint64_t digest_of(const std::string &s, std::uint64_t h)
{
    for (const char c : s)
        h = (h ^ static_cast<unsigned char>(c)) * UINT64_C(1099511628211);
    return h;
}

void kernel(int thousands)
{
    const int n = thousands * 1000;
    std::uint32_t seed = 17;
    std::vector<std::unique_ptr<Shape>> shapes;
    std::map<std::string, int> by_name;
    std::unordered_map<std::uint32_t, std::vector<int>> by_size;

    result = Result();
    for (int i = 0; i < n; i++)
        shapes.push_back(make_shape(bench_random(&seed)));

    for (int round = 0; round < 40; round++) {
        for (const auto &shape : shapes) {
            shape->grow(0.25);
            result.area += shape->area();
        }
    }

    std::sort(shapes.begin(), shapes.end(), [](const auto &a, const auto &b) {
        const double x = a->area(), y = b->area();
        return x != y ? x < y : std::string(a->name()) < b->name();
    });

    for (int i = 0; i < n; i++) {
        const Shape &shape = *shapes[static_cast<std::size_t>(i)];
        const auto size = static_cast<std::uint32_t>(shape.area());

        by_name[std::string(shape.name()) + "-" + std::to_string(size % 1000)]++;
        by_size[size].push_back(i);
    }
    result.distinct = by_name.size() + by_size.size();

    std::vector<std::pair<std::string, int>> ranking(by_name.begin(), by_name.end());
    std::stable_sort(ranking.begin(), ranking.end(),
                     [](const auto &a, const auto &b) { return a.second > b.second; });

    std::string &line = result.line;
    for (const auto &[name, count] : ranking) {
        const std::string item = name + "=" + std::to_string(count);

        result.digest = digest_of(item, result.digest);
        if (line.size() < 60)
            line += (line.empty() ? "" : " ") + item;
    }
    for (std::uint32_t size = 0; size < 10000; size++) {
        const auto found = by_size.find(size);

        if (found != by_size.end())
            result.digest = result.digest * 31 + found->second.size();
    }
}

void report()
{
    std::printf("area %.3e, distinct %lu, digest %016llx\n%s\n", result.area,
                static_cast<unsigned long>(result.distinct),
                static_cast<unsigned long long>(result.digest), result.line.c_str());
}

} // namespace

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 300, 15, kernel, report);
}
